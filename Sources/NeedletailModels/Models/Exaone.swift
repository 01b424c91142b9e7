import NeedletailGraph

/// The config of Exaone 3 and 3.5 (LG AI Research 2024): Llama under the names of GPT-2.
public struct ExaoneConfig: BlockConfig {
  /// The checkpoint's names.
  public static let blockNames = [
    "selfAttn": "attn.attention", "inputLayernorm": "ln_1", "postAttentionLayernorm": "ln_2",
  ]
  /// The checkpoint's names around the blocks.
  public static let stackNames = ["model": "transformer", "embedTokens": "wte", "layers": "h", "norm": "ln_f"]

  /// Widths and counts of attention.
  public let attention: AttentionShape
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
    attention = try AttentionShape(json)
    intermediateSize = try json("intermediate_size", default: 4 * attention.hiddenSize)
    activation = try json.activation(json.name("activation_function", "hidden_act"), default: .silu)
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    layerCount = try json(json.name("num_layers", "num_hidden_layers"), in: ConfigJSON.layerCounts)
    maximumSequenceLength = try json("max_position_embeddings", default: 2048, in: ConfigJSON.lengths)
    normEps = try json.eps("layer_norm_epsilon", default: 1e-6)
    tiesEmbeddings = try json("tie_word_embeddings", default: true)
    rope = try Rope(json, headDim: attention.headDim, maximumSequenceLength: maximumSequenceLength)
  }

  /// As the protocol says.
  public var hiddenSize: Int { attention.hiddenSize }

  /// As Llama's.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(AttentionHeads(attention, rope: rope), names: ["oProj": "out_proj"])
  }

  /// Gated.
  public func feedForward(layer: Int) -> any UnaryLayer {
    GatedMLP(
      hiddenSize, intermediateSize, activation: activation,
      names: ["gateProj": "c_fc_0", "upProj": "c_fc_1", "downProj": "c_proj"])
  }
}
