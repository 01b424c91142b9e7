import NeedletailGraph

/// The config of Granite 3 (IBM 2024): Llama with factors of embeddings, scores, residuals and logits.
public struct GraniteConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of attention, and those of the feed-forward layer, have biases.
  public let attentionBias, mlpBias: Bool
  /// Positions.
  public let rope: Rope
  /// Factor of the scores.
  public let scale: Float
  /// As the protocol says.
  public let embeddingScale, residualScale, logitScale: Float

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json)
    attentionBias = try json("attention_bias", default: false)
    mlpBias = try json("mlp_bias", default: false)
    rope = try fields.rope(json)
    scale = try json.factor("attention_multiplier")
    embeddingScale = try json.factor("embedding_multiplier")
    residualScale = try json.factor("residual_multiplier")
    logitScale = try 1 / (json.positive("logits_scaling", default: 1) ?? 1)
  }

  /// With a factor of the scores of its own.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(fields.attention, rope: rope, bias: attentionBias, outputBias: attentionBias, scale: scale)
  }

  /// Gated.
  public func feedForward(layer: Int) -> any UnaryLayer {
    GatedMLP(hiddenSize, fields.intermediateSize, activation: fields.activation, bias: mlpBias)
  }
}
