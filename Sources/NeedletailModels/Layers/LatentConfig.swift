import NeedletailGraph

/// What tells models of latent attention apart: how a token's experts are chosen, and what counts where a config says
/// nothing.
public protocol LatentFamily: Sendable {
  /// How experts are chosen, `chosen` of them.
  static func routing(_ json: ConfigJSON, chosen: Int) throws(ConfigError) -> Routing
  /// Experts, shared ones, and those of a token; nil: configs say it.
  static var usualExperts: (count: Int, shared: Int, chosen: Int?) { get }
  /// Whether each expert has a bias that takes part in the choice only.
  static var hasChoiceBias: Bool { get }
  /// Layers at the front whose feed-forward layer is dense.
  static var usualDenseCount: Int { get }
  /// Layers behind the last one that checkpoints may have, for drafting tokens.
  static var usualDraftCount: Int { get }
}

/// The config of a decoder of latent attention and, behind the first layers, experts, some of which every token goes
/// through (DeepSeek-AI 2024, arXiv 2401.06066). What is left out counts as in the `transformers` library.
public struct LatentConfig<Family: LatentFamily>: BlockConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Sizes of attention.
  public let shape: LatentAttentionShape
  /// Factor of its scores.
  public let attentionScale: Float
  /// Whether its first and last projections have biases, and those of feed-forward layers.
  public let attentionBias, mlpBias: Bool
  /// Positions.
  public let rope: Rope
  /// Experts, and those of a token.
  public let experts: (count: Int, chosen: Int)
  /// Inner width of an expert; how many of it the shared expert has; layers before the first mixture.
  public let expertSize, sharedCount, denseCount: Int
  /// How experts are chosen.
  public let routing: Routing
  /// As the protocol says.
  public let ignoredLayerCount: Int

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    shape = try LatentAttentionShape(json)
    fields = try DecoderFields(json, headDim: shape.plainDim + shape.rotaryDim)
    attentionScale = try LatentAttention.scale(shape, json)
    attentionBias = try json("attention_bias", default: false)
    mlpBias = try json("mlp_bias", default: false)
    rope = try Rope(
      json, headDim: shape.rotaryDim, maximumSequenceLength: fields.maximumSequenceLength,
      isInterleaved: json("rope_interleave", default: true))
    let usual = Family.usualExperts
    experts = try json.expertCounts("n_routed_experts", default: usual.count, defaultChosen: usual.chosen)
    expertSize = try json("moe_intermediate_size")
    sharedCount = try json("n_shared_experts", default: usual.shared, in: 0...1 << 10)
    denseCount = try json("first_k_dense_replace", default: Family.usualDenseCount, in: 0...10_000)
    ignoredLayerCount = try json("num_nextn_predict_layers", default: Family.usualDraftCount, in: 0...10_000)
    routing = try Family.routing(json, chosen: experts.chosen)
    guard try json("moe_layer_freq", default: 1) == 1 else {
      throw ConfigError("\(json.path(of: "moe_layer_freq")) is not 1; dense layers between mixtures are not known here")
    }
    guard let groups = routing.groups, denseCount < layerCount else { return }
    let (size, rest) = experts.count.quotientAndRemainder(dividingBy: groups.count)
    guard rest == 0, size > 1, groups.chosen <= groups.count, size * groups.chosen >= experts.chosen else {
      throw ConfigError(
        "\(json.path(of: "n_group")) is \(groups.count), of which \(groups.chosen) are chosen (\"topk_group\"), which "
          + "does not fit \(experts.chosen) of \(experts.count) experts")
    }
  }

  /// Latent attention.
  public func attention(layer: Int) -> any AttentionLayer {
    LatentAttention(shape, rope: rope, scale: attentionScale, bias: attentionBias)
  }

  /// A mixture, or in the first layers none.
  public func feedForward(layer: Int) -> any UnaryLayer {
    func gated(_ inner: Int) -> GatedMLP {
      GatedMLP(hiddenSize, inner, activation: fields.activation, bias: mlpBias)
    }
    guard layer >= denseCount else { return gated(fields.intermediateSize) }
    return MixtureOfExperts(
      hiddenSize, SeparateExperts(experts.count, hiddenSize, expertSize), routing,
      Experts(count: experts.count, activation: fields.activation), choiceBias: Family.hasChoiceBias,
      shared: sharedCount == 0 ? nil : gated(expertSize * sharedCount))
  }
}
