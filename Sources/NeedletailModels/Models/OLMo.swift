import NeedletailGraph

/// The config of OLMo 1 (Groeneveld et al. 2024): Llama with layer norms without weights, and bounds of queries, keys and
/// values in some.
public struct OLMoConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of attention have biases.
  public let attentionBias: Bool
  /// Of queries, keys and values, to both sides of 0; nil: none.
  public let bound: Float?
  /// Positions.
  public let rope: Rope

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    var fields = try DecoderFields(json)
    fields.normEps = 1e-5
    self.fields = fields
    attentionBias = try json("attention_bias", default: false)
    bound = try json.positive("clip_qkv")
    rope = try fields.rope(json)
  }

  /// With bounds.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(
      AttentionHeads(fields.attention, rope: rope), bias: attentionBias, outputBias: attentionBias, bound: bound)
  }

  /// Without weights.
  public func norm() -> any UnaryLayer { LayerNorm(hiddenSize, eps: normEps, weight: false, bias: false) }
}
