import NeedletailGraph

/// The config of Phi 3, 3.5 and 4 (Abdin et al. 2024): Llama with fused projections, positions for long contexts, and a
/// window in some.
public struct Phi3Config: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Positions.
  public let rope: Rope
  /// How many positions a token sees; nil: all.
  public let window: Int?

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, eps: 1e-5)
    rope = try fields.rope(json)
    window = try json.optional("sliding_window", in: ConfigJSON.lengths)
    for name in ["attention_bias", "mlp_bias", "lm_head_bias"] { try json.expect(name, false) }
  }

  /// With one projection for queries, keys and values.
  public func attention(layer: Int) -> any AttentionLayer {
    FusedAttention(AttentionHeads(fields.attention, rope: rope, window: window))
  }

  /// With one projection for gate and up.
  public func feedForward(layer: Int) -> any UnaryLayer {
    FusedGatedMLP(hiddenSize, fields.intermediateSize, activation: fields.activation)
  }
}
