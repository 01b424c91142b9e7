import NeedletailGraph

/// The config of Helium (Kyutai 2025) and of Ernie 4.5's dense models (Baidu 2025): Llama with neighbouring dimensions
/// rotated.
public struct HeliumConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of queries, keys and values, that of the output, and those of the feed-forward layer have
  /// biases.
  public let attentionBias, outputBias, mlpBias: Bool
  /// Positions.
  public let rope: Rope

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    if try json("model_type", default: "helium") == "ernie4_5" {
      fields = try DecoderFields(json, kvHeadCount: 2, headDim: 128, eps: 1e-5, tiesEmbeddings: true)
      attentionBias = try json("use_bias", default: false)
      outputBias = attentionBias
      mlpBias = attentionBias
      rope = try fields.rope(json, theta: 500_000, isInterleaved: true)
    } else {
      fields = try DecoderFields(json, kvHeadCount: 20, headDim: 128, eps: 1e-8)
      attentionBias = try json("attention_bias", default: false)
      outputBias = false
      mlpBias = try json("mlp_bias", default: false)
      rope = try fields.rope(json, theta: 100_000, isInterleaved: true)
    }
  }

  /// Neighbouring dimensions are rotated.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(fields.attention, rope: rope, bias: attentionBias, outputBias: outputBias)
  }

  /// Gated.
  public func feedForward(layer: Int) -> any UnaryLayer {
    GatedMLP(hiddenSize, fields.intermediateSize, activation: fields.activation, bias: mlpBias)
  }
}
