import NeedletailGraph

/// The config of Qwen 3 (Yang et al. 2025): Llama with norms of each query and key head.
public struct Qwen3Config: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of attention have biases.
  public let attentionBias: Bool
  /// Positions.
  public let rope: Rope
  /// For each layer, how many positions a token sees; nil: all.
  public let windows: [Int?]

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, kvHeadCount: 32, headDim: 128)
    attentionBias = try json("attention_bias", default: false)
    rope = try fields.rope(json)
    windows = try json.qwenWindows(fields.layerCount)
  }

  /// Queries and keys are normalized before they are rotated.
  public func attention(layer: Int) -> any AttentionLayer {
    let norm = { HeadNorm(RMSNorm(fields.attention.headDim, eps: normEps), fields.attention.headDim) }
    return SelfAttention(
      AttentionHeads(fields.attention, rope: rope, window: windows[layer]), bias: attentionBias,
      outputBias: attentionBias, qNorm: norm(), kNorm: norm())
  }
}

/// Names in checkpoints of Qwen3-VL, whose rotary positions are the usual ones where there are no images.
public enum Qwen3VLPlace: TextPlace {
  /// The text model.
  public static let stackNames = ["model": "model.language_model"]
  /// The others.
  public static let ignoredPrefixes = ["model.visual."]
}
