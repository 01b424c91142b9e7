import NeedletailGraph

/// The config of Qwen 3's mixtures of experts (Yang et al. 2025): Qwen 3 with mixtures in some or all layers. Those of
/// Qwen3-VL have their matrices stacked.
public struct Qwen3MoEConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of attention have biases.
  public let attentionBias: Bool
  /// Positions.
  public let rope: Rope
  /// How many positions a token sees; nil: all.
  public let window: Int?
  /// Experts, and those of a token.
  public let experts: (count: Int, chosen: Int)
  /// Inner width of an expert.
  public let expertSize: Int
  /// Whether the weights of a token's experts are made to add up to 1.
  public let renormalizes: Bool
  /// Whether experts are stored in tensors of three dimensions.
  public let isStacked: Bool
  /// For each layer, whether it is a mixture.
  public let isSparse: [Bool]

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    isStacked = try json("model_type", default: "qwen3_moe") == "qwen3_vl_moe_text"
    fields = try DecoderFields(json, kvHeadCount: isStacked ? 16 : 4, tiesEmbeddings: isStacked)
    attentionBias = try json("attention_bias", default: false)
    rope = try fields.rope(json)
    window =
      try json("use_sliding_window", default: false) ? json.optional("sliding_window", in: ConfigJSON.lengths) : nil
    experts = try json.expertCounts(
      json.name("num_experts", "num_local_experts"), default: isStacked ? 60 : 128, defaultChosen: isStacked ? 4 : 8)
    expertSize = try json("moe_intermediate_size", default: isStacked ? 1408 : 768)
    if isStacked { try json.expect("norm_topk_prob", true) }
    renormalizes = try json("norm_topk_prob", default: isStacked)
    isSparse = try json.sparseLayers(fields.layerCount)
  }

  /// Queries and keys are normalized before they are rotated.
  public func attention(layer: Int) -> any AttentionLayer {
    let headDim = fields.attention.headDim
    func norm() -> HeadNorm { HeadNorm(RMSNorm(headDim, eps: normEps), headDim) }
    return SelfAttention(
      AttentionHeads(fields.attention, rope: rope, window: window), bias: attentionBias, outputBias: attentionBias,
      qNorm: norm(), kNorm: norm())
  }

  /// A mixture, or Qwen 3's.
  public func feedForward(layer: Int) -> any UnaryLayer {
    guard isSparse[layer] else { return GatedMLP(hiddenSize, fields.intermediateSize, activation: fields.activation) }
    let weights: any ExpertWeights =
      isStacked
      ? StackedExperts(experts.count, hiddenSize, expertSize, order: .halves, isTransposed: true)
      : SeparateExperts(experts.count, hiddenSize, expertSize)
    return MixtureOfExperts(
      hiddenSize, weights,
      Routing(experts.chosen, .softmax, renormalizes: renormalizes),
      Experts(count: experts.count, activation: fields.activation))
  }
}
