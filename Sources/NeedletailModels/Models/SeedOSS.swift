import NeedletailGraph

/// The config of Seed-OSS (ByteDance 2025): Llama with biases of queries, keys and values, and of the
/// output by itself.
public struct SeedOSSConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of queries, keys and values, that of the output, and those of the feed-forward layer have
  /// biases.
  public let attentionBias, outputBias, mlpBias: Bool
  /// Positions.
  public let rope: Rope

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, kvHeadCount: 8, headDim: 128)
    attentionBias = try json("attention_bias", default: true)
    outputBias = try json("attention_out_bias", default: false)
    mlpBias = try json("mlp_bias", default: false)
    rope = try fields.rope(json)
  }

  /// With biases.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(fields.attention, rope: rope, bias: attentionBias, outputBias: outputBias)
  }

  /// Gated.
  public func feedForward(layer: Int) -> any UnaryLayer {
    GatedMLP(hiddenSize, fields.intermediateSize, activation: fields.activation, bias: mlpBias)
  }
}
