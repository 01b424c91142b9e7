import NeedletailGraph

/// Llama 1 to 3 (Touvron et al. 2023, Dubey et al. 2024) and Mistral (Jiang et al. 2023), which is Llama with a window.
public struct LlamaBlock: DecoderBlock {
  /// Attention.
  public let selfAttn: SelfAttention
  /// The feed-forward layer.
  public let mlp: GatedMLP
  /// Before attention, before the feed-forward layer.
  public let inputLayernorm, postAttentionLayernorm: RMSNorm

  /// The block at a place in the stack.
  public init(_ config: LlamaConfig, layer: Int) {
    selfAttn = SelfAttention(
      config.attention, rope: config.rope, bias: config.attentionBias, outputBias: config.attentionBias,
      window: config.windows[layer])
    mlp = GatedMLP(
      config.hiddenSize, config.intermediateSize, activation: config.activation, bias: config.mlpBias)
    inputLayernorm = RMSNorm(config.hiddenSize, eps: config.normEps)
    postAttentionLayernorm = RMSNorm(config.hiddenSize, eps: config.normEps)
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let h = x + selfAttn(inputLayernorm(x), step)
    return h + mlp(postAttentionLayernorm(h))
  }
}

/// The config of Llama and Mistral. What is left out counts as in the `transformers` library.
public struct LlamaConfig: DecoderConfig {
  /// Widths and counts of attention.
  public let attention: AttentionShape
  /// Whether the projections of attention have biases.
  public let attentionBias: Bool
  /// Positions.
  public let rope: Rope
  /// For each layer, how many positions a token sees; nil: all.
  public let windows: [Int?]
  /// Inner width of the feed-forward layer.
  public let intermediateSize: Int
  /// Of its gate.
  public let activation: Activation
  /// Whether its projections have biases.
  public let mlpBias: Bool
  /// As the protocol says.
  public let vocabularySize, layerCount, maximumSequenceLength: Int
  /// As the protocol says.
  public let normEps: Float
  /// As the protocol says.
  public let tiesEmbeddings: Bool
  /// As the protocol says.
  public var hiddenSize: Int { attention.hiddenSize }

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    let isMistral = try json("model_type", default: "llama") == "mistral"
    attention = try AttentionShape(json, kvHeadCount: isMistral ? 8 : nil)
    attentionBias = try !isMistral && json("attention_bias", default: false)
    intermediateSize = try json("intermediate_size")
    activation = try json.activation("hidden_act", default: .silu)
    mlpBias = try !isMistral && json("mlp_bias", default: false)
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    layerCount = try json("num_hidden_layers", in: ConfigJSON.layerCounts)
    maximumSequenceLength = try json("max_position_embeddings", in: ConfigJSON.lengths)
    normEps = try json.eps("rms_norm_eps", default: 1e-6)
    tiesEmbeddings = try json("tie_word_embeddings", default: false)
    rope = try Rope(json, headDim: attention.headDim, maximumSequenceLength: maximumSequenceLength)
    windows = try isMistral ? json.windows(layerCount, default: 4096) : Array(repeating: nil, count: layerCount)
  }
}
