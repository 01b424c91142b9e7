import NeedletailGraph

/// The config of OLMoE (Muennighoff et al. 2024): mixtures of experts, norms of queries and keys over all heads together.
public struct OLMoEConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of attention have biases.
  public let attentionBias: Bool
  /// Positions.
  public let rope: Rope
  /// Experts, and those of a token.
  public let experts: (count: Int, chosen: Int)
  /// Whether the weights of a token's experts are made to add up to 1.
  public let renormalizes: Bool

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, eps: 1e-5)
    attentionBias = try json("attention_bias", default: false)
    rope = try fields.rope(json)
    experts = try json.expertCounts(json.name("num_experts", "num_local_experts"), default: 64, defaultChosen: 8)
    renormalizes = try json("norm_topk_prob", default: false)
    if let bound: Float = try json.optional("clip_qkv") {
      throw ConfigError("\(json.path(of: "clip_qkv")) is \(bound); bounds of normalized queries and keys are not known")
    }
  }

  /// Queries and keys are normalized whole.
  public func attention(layer: Int) -> any AttentionLayer {
    let shape = fields.attention
    return SelfAttention(
      AttentionHeads(shape, rope: rope), bias: attentionBias, outputBias: attentionBias,
      qNorm: RMSNorm(shape.headCount * shape.headDim, eps: normEps),
      kNorm: RMSNorm(shape.kvHeadCount * shape.headDim, eps: normEps))
  }

  /// A mixture.
  public func feedForward(layer: Int) -> any UnaryLayer {
    MixtureOfExperts(
      hiddenSize, SeparateExperts(experts.count, hiddenSize, fields.intermediateSize),
      Routing(experts.chosen, .softmax, renormalizes: renormalizes),
      Experts(count: experts.count, activation: fields.activation))
  }
}
