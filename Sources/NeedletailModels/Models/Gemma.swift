import NeedletailGraph

/// The config of Gemma (Mesnard et al. 2024): Llama with scaled embeddings, norms that store weight - 1 and a gate of
/// GELU.
public struct GemmaConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of attention have biases.
  public let attentionBias: Bool
  /// Positions.
  public let rope: Rope

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    // Published configs say "gelu" and mean the approximation, which "hidden_activation" says where it is there.
    let name = json.has("hidden_activation") ? "hidden_activation" : "hidden_act"
    var fields = try DecoderFields(
      json, kvHeadCount: 16, headDim: 256, activation: .geluTanh, activationName: name, tiesEmbeddings: true)
    if fields.activation == .gelu { fields.activation = .geluTanh }
    self.fields = fields
    attentionBias = try json("attention_bias", default: false)
    try json.expect("use_bidirectional_attention", false)
    rope = try fields.rope(json)
  }

  /// √width
  public var embeddingScale: Float { Float(Double(hiddenSize).squareRoot()) }

  /// As Llama's.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(fields.attention, rope: rope, bias: attentionBias, outputBias: attentionBias)
  }

  /// Weights are stored less 1.
  public func norm() -> any UnaryLayer { RMSNorm(hiddenSize, eps: normEps, weightOffset: 1) }
}
