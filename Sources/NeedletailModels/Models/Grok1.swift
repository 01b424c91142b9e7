import NeedletailGraph

/// The config of Grok-1 (xAI 2024), under the names of the checkpoints that were made of its own: mixtures in all layers,
/// norms before and after attention and mixture, a soft cap and factors of its own. What a config does not say is as in
/// xAI's program: the tanh form of GELU, rotary positions of base 10,000, weights of experts that do not add up to 1.
public struct Grok1Config: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Positions.
  public let rope: Rope
  /// Factor of the scores.
  public let scale: Float
  /// c in c tanh(score / c); nil: none.
  public let softcap: Float?
  /// As the protocol says.
  public let embeddingScale, logitScale: Float
  /// Experts, and those of a token.
  public let experts: (count: Int, chosen: Int)
  /// The checkpoint's names.
  public static let blockNames = [
    "selfAttn": "attn", "mlp": "moe_block", "inputLayernorm": "pre_attn_norm", "attentionOutputNorm": "post_attn_norm",
    "preFeedforwardLayernorm": "pre_moe_norm", "postFeedforwardLayernorm": "post_moe_norm",
  ]

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, activation: .geluTanh, eps: 1e-5, tiesEmbeddings: true)
    rope = try fields.rope(json)
    scale = try json.factor("attn_output_multiplier", default: 0.088_388_35)
    softcap = try json.positive("max_attn_value", default: 30)
    embeddingScale = try json.factor("embedding_multiplier_scale", default: 78.383_67)
    logitScale = try json.factor("output_multiplier_scale", default: 0.577_350_26)
    experts = try json.expertCounts("num_experts", default: 8, defaultChosen: 2)
  }

  /// With a soft cap.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(AttentionHeads(fields.attention, rope: rope, scale: scale, softcap: softcap))
  }

  /// A mixture.
  public func feedForward(layer: Int) -> any UnaryLayer {
    MixtureOfExperts(
      hiddenSize,
      SeparateExperts(
        experts.count, hiddenSize, fields.intermediateSize, names: ["linear", "linear_v", "linear_1"]),
      Routing(experts.chosen, .softmax), Experts(count: experts.count, activation: fields.activation))
  }

  /// Weights are called scales.
  public func norm() -> any UnaryLayer { RMSNorm(hiddenSize, eps: normEps, names: ["weight": "scale"]) }
}
