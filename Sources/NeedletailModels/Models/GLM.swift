import NeedletailGraph

/// The config of GLM-4 (GLM team 2024) under its two names: "glm", Llama with a fused gate and neighbouring dimensions of
/// half of each head rotated, and "glm4", which has norms after attention and feed-forward layers too.
public struct GLMConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of queries, keys and values have biases.
  public let attentionBias: Bool
  /// Positions.
  public let rope: Rope
  /// Of the norms in "glm4"; those in "glm" have the usual names.
  public static let blockNames = [
    "attentionOutputNorm": "post_self_attn_layernorm", "preFeedforwardLayernorm": "post_attention_layernorm",
    "postFeedforwardLayernorm": "post_mlp_layernorm",
  ]

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, kvHeadCount: 2, headDim: 128, eps: 1.5625e-7)
    attentionBias = try json("attention_bias", default: true)
    rope = try fields.rope(json, partial: 0.5, isInterleaved: true)
  }

  /// Without a bias of the output.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(fields.attention, rope: rope, bias: attentionBias)
  }

  /// With one projection for gate and up.
  public func feedForward(layer: Int) -> any UnaryLayer {
    FusedGatedMLP(hiddenSize, fields.intermediateSize, activation: fields.activation)
  }
}
