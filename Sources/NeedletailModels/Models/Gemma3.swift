import NeedletailGraph

/// The config of Gemma 3's text models (Kamath et al. 2025): Gemma 2 with norms of each query and key head instead of
/// soft caps, and windows with rotary positions of their own in five of six layers.
public struct Gemma3Config: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of attention have biases.
  public let attentionBias: Bool
  /// Positions in layers that see all, and in layers with a window.
  public let rope, localRope: Rope
  /// For each layer, how many positions a token sees; nil: all.
  public let windows: [Int?]
  /// Factor of the scores.
  public let scale: Float
  /// As the protocol says.
  public let logitSoftcap: Float?

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(
      json, kvHeadCount: 4, headDim: 256, activation: .geluTanh, activationName: "hidden_activation",
      tiesEmbeddings: true)
    attentionBias = try json("attention_bias", default: false)
    try json.expect("use_bidirectional_attention", false)
    rope = try fields.rope(json, theta: 1_000_000, layerType: "full_attention")
    localRope = try json.localRope(fields, theta: json("rope_local_base_freq", default: 10_000))
    let window = try json.has("sliding_window") ? json.optional("sliding_window", in: ConfigJSON.lengths) : 4096
    let period = try json("sliding_window_pattern", default: 6)
    windows = try json.windows(fields.layerCount, of: window) { ($0 + 1) % period != 0 }
    scale = try json.queryScale()
    // "attn_logit_softcapping" is left from Gemma 2, and not applied in the reference either.
    logitSoftcap = try json.positive("final_logit_softcapping")
  }

  /// √width
  public var embeddingScale: Float { Float(Double(hiddenSize).squareRoot()) }

  /// Queries and keys are normalized before they are rotated.
  public func attention(layer: Int) -> any AttentionLayer {
    let headDim = fields.attention.headDim
    let norm = { HeadNorm(RMSNorm(headDim, eps: normEps, weightOffset: 1), headDim) }
    let heads = AttentionHeads(
      fields.attention, rope: windows[layer] == nil ? rope : localRope, window: windows[layer], scale: scale)
    return SelfAttention(
      heads, bias: attentionBias, outputBias: attentionBias, qNorm: norm(), kNorm: norm())
  }

  /// Weights are stored less 1.
  public func norm() -> any UnaryLayer { RMSNorm(hiddenSize, eps: normEps, weightOffset: 1) }
}

extension ConfigJSON {
  /// Positions in layers with a window: "rope_parameters.sliding_attention", or unscaled ones of a base.
  func localRope(_ fields: DecoderFields, theta: Double) throws(ConfigError) -> Rope {
    if try ropeGroup(of: "sliding_attention") != nil {
      return try fields.rope(self, theta: theta, layerType: "sliding_attention")
    }
    guard theta > 1, theta < 1e30 else { throw ConfigError("\(file): the base of rope is \(theta)") }
    return Rope(dimensions: fields.attention.headDim, theta: theta)
  }
}
