import NeedletailGraph

/// The config of GPT-J (Wang and Komatsuzaki 2021): attention and the feed-forward layer read the same norm.
public struct GPTJConfig: BlockConfig {
  /// The checkpoint's names.
  public static let blockNames = ["selfAttn": "attn", "inputLayernorm": "ln_1"]
  /// The checkpoint's names around the blocks.
  public static let stackNames = ["model": "transformer", "embedTokens": "wte", "layers": "h", "norm": "ln_f"]
  /// Causal masks.
  public static let ignoredSuffixes = [".attn.bias"]
  /// Widths and counts of attention.
  public let attention: AttentionShape
  /// Positions: of the first dimensions, in pairs of neighbours.
  public let rope: Rope
  /// Inner width of the feed-forward layer.
  public let innerSize: Int
  /// Of the feed-forward layer.
  public let activation: Activation
  /// As the protocol says.
  public let vocabularySize, layerCount, maximumSequenceLength: Int
  /// As the protocol says.
  public let normEps: Float
  /// As the protocol says.
  public let tiesEmbeddings: Bool

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    attention = try AttentionShape(
      json, hiddenSize: json.name("n_embd", "hidden_size"), headCount: json.name("n_head", "num_attention_heads"))
    let rotaryDim = try json("rotary_dim", default: 64)
    guard rotaryDim % 2 == 0, rotaryDim <= attention.headDim else {
      throw ConfigError(
        "\(json.path(of: "rotary_dim")) is \(rotaryDim), which is no even part of a head's \(attention.headDim) dimensions"
      )
    }
    for name in ["rope_scaling", "rope_parameters"] {
      _ = try json.group(name)?.choice("rope_type", default: true, ["default": true, "gptj": true])
    }
    rope = Rope(dimensions: rotaryDim, theta: 10_000, isInterleaved: true)
    innerSize = try json("n_inner", default: 4 * attention.hiddenSize)
    activation = try json.activation("activation_function", default: .geluTanh)
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    layerCount = try json(json.name("n_layer", "num_hidden_layers"), in: ConfigJSON.layerCounts)
    maximumSequenceLength = try json(
      json.name("n_positions", "max_position_embeddings"), default: 2048, in: ConfigJSON.lengths)
    normEps = try json.eps("layer_norm_epsilon", default: 1e-5)
    tiesEmbeddings = try json("tie_word_embeddings", default: false)
    try json.expect("scale_attn_weights", true)
    try json.expect("rotary", true)
  }

  /// As the protocol says.
  public var hiddenSize: Int { attention.hiddenSize }
  /// As the protocol says.
  public var headBias: Bool { true }

  /// Without biases.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(AttentionHeads(attention, rope: rope), names: ["oProj": "out_proj"])
  }

  /// Without a gate.
  public func feedForward(layer: Int) -> any UnaryLayer {
    PlainMLP(
      hiddenSize, innerSize, activation: activation, bias: true, names: ["up": "fc_in", "down": "fc_out"])
  }

  /// With a bias.
  public func norm() -> any UnaryLayer { LayerNorm(hiddenSize, eps: normEps) }
}
