import NeedletailGraph

/// Llama-Nemotron (Bercovich et al. 2025): Llama whose layers were changed one by one to save time: some have no attention,
/// or a matrix in its place, and feed-forward layers differ in width.
public struct NemotronNASBlock: DecoderBlock {
  /// Attention, or a matrix; nil: none.
  public let selfAttn: (any AttentionLayer)?
  /// The feed-forward layer, or a matrix; nil: none.
  public let mlp: (any UnaryLayer)?
  /// Before attention, before the feed-forward layer, where there is one.
  public let inputLayernorm, postAttentionLayernorm: RMSNorm?

  /// The block at a place in the stack.
  public init(_ config: NemotronNASConfig, layer: Int) {
    let (kinds, width) = (config.layers[layer], config.hiddenSize)
    func norm(_ isThere: Bool) -> RMSNorm? { isThere ? RMSNorm(width, eps: config.normEps) : nil }
    switch kinds.attention {
    case .none: selfAttn = nil
    case .matrix: selfAttn = MatrixLayer(width, name: "linear_attn")
    case .heads(let shape):
      selfAttn = SelfAttention(
        shape, rope: config.rope, bias: config.attentionBias, outputBias: config.attentionBias)
    }
    switch kinds.feedForward {
    case .none: mlp = nil
    case .matrix: mlp = MatrixLayer(width, name: "linear_mlp")
    case .gated(let inner): mlp = GatedMLP(width, inner, activation: config.activation, bias: config.mlpBias)
    }
    inputLayernorm = norm(selfAttn != nil)
    postAttentionLayernorm = norm(mlp != nil)
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    var h = x
    if let selfAttn, let inputLayernorm { h = h + selfAttn(inputLayernorm(h), step) }
    if let mlp, let postAttentionLayernorm { h = h + mlp(postAttentionLayernorm(h)) }
    return h
  }
}

/// A matrix in the place of attention or of a feed-forward layer: [tokens, hidden] -> [tokens, hidden].
public struct MatrixLayer: AttentionLayer, UnaryLayer {
  /// hidden -> hidden
  public let linear: Linear
  /// The matrix's name.
  public let checkpointNames: [String: String]

  init(_ width: Int, name: String) {
    linear = Linear(width, width)
    checkpointNames = ["linear": name]
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor) -> Tensor { linear(x) }
  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor { linear(x) }
}

/// The config of Llama-Nemotron.
public struct NemotronNASConfig: DecoderConfig {
  /// What a layer has in the place of attention.
  public enum AttentionKind: Hashable, Sendable { case none, matrix, heads(AttentionShape) }
  /// What a layer has in the place of its feed-forward layer.
  public enum FeedForwardKind: Hashable, Sendable { case none, matrix, gated(Int) }

  /// The parts of each layer.
  public let layers: [(attention: AttentionKind, feedForward: FeedForwardKind)]
  /// Whether the projections of attention, and those of feed-forward layers, have biases.
  public let attentionBias, mlpBias: Bool
  /// Of feed-forward layers.
  public let activation: Activation
  /// Positions.
  public let rope: Rope
  /// As the protocol says.
  public let vocabularySize, hiddenSize, maximumSequenceLength: Int
  /// As the protocol says.
  public let normEps: Float
  /// As the protocol says.
  public let tiesEmbeddings: Bool
  /// As the protocol says.
  public var layerCount: Int { layers.count }

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    hiddenSize = try json("hidden_size")
    let shape = try AttentionShape(json, kvHeadCount: json("num_attention_heads"))
    attentionBias = try json("attention_bias", default: false)
    mlpBias = try json("mlp_bias", default: false)
    activation = try json.activation("hidden_act", default: .silu)
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    maximumSequenceLength = try json("max_position_embeddings", in: ConfigJSON.lengths)
    normEps = try json.eps("rms_norm_eps", default: 1e-6)
    tiesEmbeddings = try json("tie_word_embeddings", default: false)
    rope = try Rope(json, headDim: shape.headDim, maximumSequenceLength: maximumSequenceLength)
    let blocks = try json.groups("block_configs") ?? []
    let count = try json("num_hidden_layers", in: ConfigJSON.layerCounts)
    guard blocks.count == count else {
      throw ConfigError("\(json.path(of: "block_configs")) has \(blocks.count) elements for \(count) layers")
    }
    layers = try blocks.map { block in
      (try Self.attention(block.required("attention"), shape), try Self.feedForward(block.required("ffn"), shape))
    }
    for kinds in layers where kinds.attention == .matrix && attentionBias || kinds.feedForward == .matrix && mlpBias {
      throw ConfigError("\(json.path(of: "block_configs")): biases of matrices in the place of layers are not known")
    }
  }

  private static func attention(_ json: ConfigJSON, _ shape: AttentionShape) throws(ConfigError) -> AttentionKind {
    for name in ["num_sink_tokens", "window_length", "sparsify", "mamba", "llama4"] where json.fields.contains(name) {
      throw ConfigError("\(json.path(of: name)) is not null, which is not known")
    }
    for name in ["unshifted_sink", "use_prefill_window_in_sink_attention", "is_mamba"] {
      try json.expect(name, false)
    }
    if try json("no_op", default: false) { return .none }
    if try json("replace_with_linear", default: false) { return .matrix }
    var shape = shape
    let group = try json("n_heads_in_group")
    guard shape.headCount % group == 0 else {
      throw ConfigError("\(json.path(of: "n_heads_in_group")) is \(group), which does not divide \(shape.headCount)")
    }
    shape.kvHeadCount = shape.headCount / group
    return .heads(shape)
  }

  private static func feedForward(_ json: ConfigJSON, _ shape: AttentionShape) throws(ConfigError) -> FeedForwardKind {
    for name in ["sparsify", "moe"] where json.fields.contains(name) {
      throw ConfigError("\(json.path(of: name)) is not null, which is not known")
    }
    if try json("no_op", default: false) { return .none }
    if try json("replace_with_linear", default: false) { return .matrix }
    if let inner = try json.optional("intermediate_size") { return .gated(inner) }
    let factor: Double = try json("ffn_mult")
    guard factor > 0, factor < 1000 else {
      throw ConfigError("\(json.path(of: "ffn_mult")) is \(factor), which is out of range")
    }
    // Two thirds, because there is a gate, in units of 256.
    return .gated((Int(2 * factor * Double(shape.hiddenSize) / 3) + 255) / 256 * 256)
  }
}
