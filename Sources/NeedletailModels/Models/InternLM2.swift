import NeedletailGraph

/// The config of InternLM2 (Cai et al. 2024): Llama with one projection for queries, keys and values, under other names.
public struct InternLM2Config: BlockConfig {
  /// The checkpoint's names.
  public static let blockNames = [
    "selfAttn": "attention", "mlp": "feed_forward", "inputLayernorm": "attention_norm",
    "postAttentionLayernorm": "ffn_norm",
  ]
  /// The checkpoint's names around the blocks.
  public static let stackNames = ["embedTokens": "tok_embeddings", "lmHead": "output"]
  /// Widths and counts of attention.
  public let attention: AttentionShape
  /// Whether the projections of attention have biases.
  public let bias: Bool
  /// Positions.
  public let rope: Rope
  /// Inner width of the feed-forward layer.
  public let intermediateSize: Int
  /// Of its gate.
  public let activation: Activation
  /// As the protocol says.
  public let vocabularySize, layerCount, maximumSequenceLength: Int
  /// As the protocol says.
  public let normEps: Float
  /// As the protocol says.
  public let tiesEmbeddings: Bool

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    let kvHeads = try json.optional("num_key_value_heads")
    attention = try AttentionShape(
      json, hiddenSize: "hidden_size", headCount: "num_attention_heads", kvHeadCount: kvHeads)
    bias = try json("bias", default: true)
    intermediateSize = try json("intermediate_size")
    activation = try json.activation("hidden_act", default: .silu)
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    layerCount = try json("num_hidden_layers", in: ConfigJSON.layerCounts)
    maximumSequenceLength = try json("max_position_embeddings", default: 2048, in: ConfigJSON.lengths)
    normEps = try json.eps("rms_norm_eps", default: 1e-6)
    tiesEmbeddings = try json("tie_word_embeddings", default: false)
    rope = try Rope(json, headDim: attention.headDim, maximumSequenceLength: maximumSequenceLength)
  }

  /// As the protocol says.
  public var hiddenSize: Int { attention.hiddenSize }

  /// For each key head its queries, its key, its value.
  public func attention(layer: Int) -> any AttentionLayer {
    FusedAttention(
      AttentionHeads(attention, rope: rope), .byHead, bias: bias, names: ["qkv": "wqkv", "output": "wo"])
  }

  /// Gated.
  public func feedForward(layer: Int) -> any UnaryLayer {
    GatedMLP(
      hiddenSize, intermediateSize, activation: activation,
      names: ["gateProj": "w1", "upProj": "w3", "downProj": "w2"])
  }
}
