import NeedletailGraph

/// What tells models of latent attention apart: how a token's experts are chosen, and what counts where a config says
/// nothing.
public protocol LatentFamily: Sendable {
  /// How experts are chosen.
  static func routing(_ json: ConfigJSON) throws(ConfigError) -> Routing
  /// Whether each expert has a bias that takes part in the choice only ("e_score_correction_bias").
  static var hasChoiceBias: Bool { get }
  /// Layers at the front whose feed-forward layer is dense.
  static var usualDenseLayers: Int { get }
  /// Experts, and shared ones.
  static var usualExperts: (routed: Int, shared: Int) { get }
  /// Layers behind the last one that checkpoints may have, for drafting tokens.
  static var usualDraftLayers: Int { get }
}

/// The config of a decoder of latent attention and experts. What is left out counts as in the `transformers` library.
public struct LatentConfig<Family: LatentFamily>: DecoderConfig {
  /// Sizes of attention.
  public let attention: LatentAttentionShape
  /// Factor of its scores.
  public let attentionScale: Float
  /// Whether its first and last projections have biases, and those of feed-forward layers.
  public let attentionBias, mlpBias: Bool
  /// Positions.
  public let rope: Rope
  /// Of gates.
  public let activation: Activation
  /// Inner widths of a dense layer and of an expert.
  public let intermediateSize, expertSize: Int
  /// Experts, and those that every token goes through.
  public let expertCount, sharedExpertCount: Int
  /// How experts are chosen.
  public let routing: Routing
  /// Layers at the front that have no experts.
  public let denseLayerCount: Int
  /// As the protocol says.
  public let vocabularySize, layerCount, maximumSequenceLength, ignoredLayerCount: Int
  /// As the protocol says.
  public let normEps: Float
  /// As the protocol says.
  public let tiesEmbeddings: Bool
  /// As the protocol says.
  public var hiddenSize: Int { attention.hiddenSize }

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    attention = try LatentAttentionShape(json)
    attentionScale = try LatentAttention.scale(attention, json)
    attentionBias = try json("attention_bias", default: false)
    mlpBias = try json("mlp_bias", default: false)
    activation = try json.activation("hidden_act", default: .silu)
    intermediateSize = try json("intermediate_size")
    expertSize = try json("moe_intermediate_size")
    expertCount = try json("n_routed_experts", default: Family.usualExperts.routed)
    sharedExpertCount = try json("n_shared_experts", default: Family.usualExperts.shared, in: 0...1024)
    routing = try Family.routing(json)
    denseLayerCount = try json("first_k_dense_replace", default: Family.usualDenseLayers, in: 0...10_000)
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    layerCount = try json("num_hidden_layers", in: ConfigJSON.layerCounts)
    maximumSequenceLength = try json("max_position_embeddings", in: ConfigJSON.lengths)
    ignoredLayerCount = try json("num_nextn_predict_layers", default: Family.usualDraftLayers, in: 0...10_000)
    normEps = try json.eps("rms_norm_eps", default: 1e-6)
    tiesEmbeddings = try json("tie_word_embeddings", default: false)
    rope = try Rope(
      json, headDim: attention.rotaryDim, maximumSequenceLength: maximumSequenceLength,
      isInterleaved: json("rope_interleave", default: true))
    guard try json("moe_layer_freq", default: 1) == 1 else {
      throw ConfigError("\(json.path(of: "moe_layer_freq")) is not 1; dense layers between experts are not known here")
    }
    try routing.check(experts: expertCount, json)
    guard ConfigJSON.sizes ~= expertSize * max(sharedExpertCount, 1) else {
      throw ConfigError("\(json.path(of: "n_shared_experts")) is \(sharedExpertCount), too much for \(expertSize) each")
    }
  }
}

/// A block of latent attention and, behind the first layers, experts, some of which every token goes through.
public struct LatentBlock<Family: LatentFamily>: DecoderBlock {
  /// Attention.
  public let selfAttn: LatentAttention
  /// The feed-forward layer.
  public let mlp: any UnaryLayer
  /// Before attention, before the feed-forward layer.
  public let inputLayernorm, postAttentionLayernorm: RMSNorm

  /// The block at a place in the stack.
  public init(_ config: LatentConfig<Family>, layer: Int) {
    let width = config.hiddenSize
    selfAttn = LatentAttention(
      config.attention, rope: config.rope, scale: config.attentionScale, bias: config.attentionBias)
    if layer < config.denseLayerCount {
      mlp = GatedMLP(width, config.intermediateSize, activation: config.activation, bias: config.mlpBias)
    } else {
      mlp = SharedExperts(config)
    }
    inputLayernorm = RMSNorm(width, eps: config.normEps)
    postAttentionLayernorm = RMSNorm(width, eps: config.normEps)
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let h = x + selfAttn(inputLayernorm(x), step)
    return h + mlp(postAttentionLayernorm(h))
  }
}
