import NeedletailGraph

/// The config of Gemma 2 (Riviere et al. 2024): norms before and after attention and feed-forward layers, soft caps, and
/// windows in every other layer.
public struct Gemma2Config: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of attention have biases.
  public let attentionBias: Bool
  /// Positions.
  public let rope: Rope
  /// For each layer, how many positions a token sees; nil: all.
  public let windows: [Int?]
  /// Factor of the scores.
  public let scale: Float
  /// c in c tanh(score / c); nil: none.
  public let scoreSoftcap: Float?
  /// As the protocol says.
  public let logitSoftcap: Float?

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(
      json, kvHeadCount: 4, headDim: 256, activation: .geluTanh, activationName: "hidden_activation",
      tiesEmbeddings: true)
    attentionBias = try json("attention_bias", default: false)
    try json.expect("use_bidirectional_attention", false)
    rope = try fields.rope(json)
    let window = try json.has("sliding_window") ? json.optional("sliding_window", in: ConfigJSON.lengths) : 4096
    windows = try json.windows(fields.layerCount, of: window) { $0 % 2 == 0 }
    scale = try json.queryScale()
    scoreSoftcap = try json.positive("attn_logit_softcapping", default: 50)
    logitSoftcap = try json.positive("final_logit_softcapping", default: 30)
  }

  /// √width
  public var embeddingScale: Float { Float(Double(hiddenSize).squareRoot()) }

  /// With soft caps, and windows in some layers.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(
      AttentionHeads(fields.attention, rope: rope, window: windows[layer], scale: scale, softcap: scoreSoftcap),
      bias: attentionBias, outputBias: attentionBias)
  }

  /// Weights are stored less 1.
  public func norm() -> any UnaryLayer { RMSNorm(hiddenSize, eps: normEps, weightOffset: 1) }
}

extension ConfigJSON {
  /// 1 / √"query_pre_attn_scalar", which is 256 unless said.
  func queryScale() throws(ConfigError) -> Float {
    let scalar: Double = try self("query_pre_attn_scalar", default: 256)
    guard 1e-6...1e9 ~= scalar else {
      throw ConfigError("\(path(of: "query_pre_attn_scalar")) is \(scalar), which is out of range")
    }
    return Float(1 / scalar.squareRoot())
  }
}
