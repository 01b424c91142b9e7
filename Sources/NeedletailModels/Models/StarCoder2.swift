import NeedletailGraph

/// The config of StarCoder 2 (Lozhkov et al. 2024): Llama with layer norms, biases, a feed-forward layer without a gate,
/// and a window in some.
public struct StarCoder2Config: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether projections have biases.
  public let bias: Bool
  /// Positions.
  public let rope: Rope
  /// How many positions a token sees; nil: all.
  public let window: Int?

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(
      json, kvHeadCount: 2, activation: .geluTanh, eps: 1e-5, epsName: "norm_epsilon", tiesEmbeddings: true)
    bias = try json("use_bias", default: true)
    rope = try fields.rope(json)
    window = try json.optional("sliding_window", in: ConfigJSON.lengths)
    try json.expect("norm_type", "layer_norm")
    try json.expect("mlp_type", "default")
  }

  /// With biases.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(fields.attention, rope: rope, bias: bias, outputBias: bias, window: window)
  }

  /// Without a gate.
  public func feedForward(layer: Int) -> any UnaryLayer {
    PlainMLP(
      hiddenSize, fields.intermediateSize, activation: fields.activation, bias: bias,
      names: ["up": "c_fc", "down": "c_proj"])
  }

  /// With a bias.
  public func norm() -> any UnaryLayer { LayerNorm(hiddenSize, eps: normEps) }
}
