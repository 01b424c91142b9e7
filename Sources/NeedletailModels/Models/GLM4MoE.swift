import NeedletailGraph

/// The config of GLM-4.5 and 4.6 (Zeng et al. 2025): mixtures of experts chosen as DeepSeek-V3 does, rotary positions of a
/// part of each head, norms of query and key heads in some.
public struct GLM4MoEConfig: BlockConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of queries, keys and values have biases; whether queries and keys are normalized.
  public let attentionBias, normsHeads: Bool
  /// Positions.
  public let rope: Rope
  /// Experts, and those of a token.
  public let experts: (count: Int, chosen: Int)
  /// Inner width of an expert; how many of it the shared expert has; layers before the first mixture.
  public let expertSize, sharedCount, denseCount: Int
  /// Layers behind the last one that checkpoints have for drafting, and that are not read.
  public let ignoredLayerCount: Int
  /// How experts are chosen.
  public let routing: Routing

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, kvHeadCount: 8, eps: 1e-5)
    attentionBias = try json("attention_bias", default: false)
    normsHeads = try json("use_qk_norm", default: false)
    rope = try fields.rope(json, partial: 0.5)
    experts = try json.expertCounts(json.name("n_routed_experts", "num_local_experts"), default: 128, defaultChosen: 8)
    expertSize = try json("moe_intermediate_size", default: 1408)
    sharedCount = try json("n_shared_experts", default: 1, in: 1...1 << 10)
    denseCount = try json("first_k_dense_replace", default: 1, in: 0...10_000)
    ignoredLayerCount = try json(json.name("num_nextn_predict_layers", "num_mtp_layers"), default: 1, in: 0...10_000)
    let (groups, chosen) = (try json("n_group", default: 1), try json("topk_group", default: 1))
    guard experts.count % groups == 0, chosen <= groups, experts.count / groups * chosen >= experts.chosen,
      groups == 1 || experts.count / groups > 1
    else { throw ConfigError("\(json.path(of: "n_group")) is \(groups), which does not fit the experts") }
    routing = Routing(
      experts.chosen, .sigmoid, renormalizes: try json("norm_topk_prob", default: true),
      scale: try json.factor("routed_scaling_factor"),
      groups: groups > 1 ? .init(count: groups, chosen: chosen, score: .topTwo) : nil)
  }

  /// Biases, but none of the output.
  public func attention(layer: Int) -> any AttentionLayer {
    let headDim = fields.attention.headDim
    func norm() -> HeadNorm? { normsHeads ? HeadNorm(RMSNorm(headDim, eps: normEps), headDim) : nil }
    return SelfAttention(
      AttentionHeads(fields.attention, rope: rope), bias: attentionBias, qNorm: norm(), kNorm: norm())
  }

  /// A mixture, or in the first layers none.
  public func feedForward(layer: Int) -> any UnaryLayer {
    let activation = fields.activation
    guard layer >= denseCount else { return GatedMLP(hiddenSize, fields.intermediateSize, activation: activation) }
    return MixtureOfExperts(
      hiddenSize, SeparateExperts(experts.count, hiddenSize, expertSize), routing,
      Experts(count: experts.count, activation: activation), choiceBias: true,
      shared: GatedMLP(hiddenSize, expertSize * sharedCount, activation: activation))
  }
}
