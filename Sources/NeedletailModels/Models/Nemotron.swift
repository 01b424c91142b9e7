import NeedletailGraph

/// The config of Nemotron-4 and Minitron (Parmar et al. 2024): layer norms that store weight - 1, squared ReLU without a
/// gate, rotary positions of half of each head. Also that of Arcee's AFM, which is Llama with this feed-forward layer.
public struct NemotronConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of attention, and those of the feed-forward layer, have biases.
  public let attentionBias, mlpBias: Bool
  /// Positions.
  public let rope: Rope
  /// Whether norms are Llama's.
  public let isArcee: Bool

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    isArcee = try json("model_type", default: "nemotron") == "arcee"
    fields = try DecoderFields(
      json, activation: .reluSquared, eps: 1e-5, epsName: isArcee ? "rms_norm_eps" : "norm_eps")
    attentionBias = try json("attention_bias", default: false)
    mlpBias = try json("mlp_bias", default: false)
    rope = try fields.rope(json, partial: isArcee ? 1 : 0.5)
  }

  /// As Llama's.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(fields.attention, rope: rope, bias: attentionBias, outputBias: attentionBias)
  }

  /// Without a gate.
  public func feedForward(layer: Int) -> any UnaryLayer {
    PlainMLP(hiddenSize, fields.intermediateSize, activation: fields.activation, bias: mlpBias)
  }

  /// Weights of layer norms are stored less 1.
  public func norm() -> any UnaryLayer {
    isArcee ? RMSNorm(hiddenSize, eps: normEps) : LayerNorm(hiddenSize, eps: normEps, weightOffset: 1)
  }
}
