import NeedletailGraph

/// The config of Phi 1, 1.5 and 2 as they were published first, "phi-msft": the mathematics of "phi" under other names.
public struct PhiMSFTConfig: BlockConfig {
  /// The checkpoint's names.
  public static let blockNames = ["selfAttn": "mixer", "inputLayernorm": "ln"]
  /// The checkpoint's names around the blocks: the last norm goes with the head.
  public static let stackNames = [
    "model": "", "embedTokens": "transformer.embd.wte", "layers": "transformer.h", "norm": "lm_head.ln",
    "lmHead": "lm_head.linear",
  ]

  /// Widths and counts of attention.
  public let attention: AttentionShape
  /// Positions: of the first dimensions.
  public let rope: Rope
  /// Inner width of the feed-forward layer.
  public let innerSize: Int
  /// Of the feed-forward layer.
  public let activation: Activation
  /// As the protocol says.
  public let vocabularySize, layerCount, maximumSequenceLength: Int
  /// As the protocol says.
  public let normEps: Float

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    attention = try AttentionShape(
      json, hiddenSize: "n_embd", headCount: "n_head", kvHeadCount: json.optional("n_head_kv"))
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    layerCount = try json("n_layer", in: ConfigJSON.layerCounts)
    maximumSequenceLength = try json("n_positions", default: 2048, in: ConfigJSON.lengths)
    normEps = try json.eps("layer_norm_epsilon", default: 1e-5)
    let rotated = try json("rotary_dim", default: 32, in: 2...attention.headDim)
    guard rotated % 2 == 0 else {
      throw ConfigError("\(json.path(of: "rotary_dim")) is \(rotated), which is not even")
    }
    rope = Rope(dimensions: rotated, theta: 10_000)
    innerSize = try json("n_inner", default: 4 * attention.hiddenSize)
    activation = try json.activation("activation_function", default: .geluTanh)
    try json.expect("tie_word_embeddings", false)
  }

  /// As the protocol says.
  public var hiddenSize: Int { attention.hiddenSize }
  /// No.
  public var tiesEmbeddings: Bool { false }
  /// Yes.
  public var headBias: Bool { true }

  /// With biases.
  public func attention(layer: Int) -> any AttentionLayer {
    FusedAttention(
      AttentionHeads(attention, rope: rope), bias: true, names: ["qkv": "Wqkv", "output": "out_proj"])
  }

  /// Without a gate.
  public func feedForward(layer: Int) -> any UnaryLayer {
    PlainMLP(hiddenSize, innerSize, activation: activation, bias: true, names: ["up": "fc1", "down": "fc2"])
  }

  /// With a bias.
  public func norm() -> any UnaryLayer { LayerNorm(hiddenSize, eps: normEps) }
}
