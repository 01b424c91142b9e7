import NeedletailGraph

/// The config of OLMo 2 (Walsh et al. 2024) and 3: Llama with norms after attention and feed-forward layers, and norms of
/// queries and keys over all heads. OLMo 3 has windows in three of four layers.
public struct OLMo2Config: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of attention have biases.
  public let attentionBias: Bool
  /// Positions in layers that see all, and in layers with a window.
  public let rope, localRope: Rope
  /// For each layer, how many positions a token sees; nil: all.
  public let windows: [Int?]

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, eps: 1e-5)
    attentionBias = try json("attention_bias", default: false)
    guard try json("model_type", default: "olmo2") == "olmo3" else {
      rope = try fields.rope(json)
      localRope = rope
      windows = Array(repeating: nil, count: fields.layerCount)
      return
    }
    rope = try fields.rope(json, theta: 500_000, layerType: "full_attention")
    localRope = try json.localRope(fields, theta: json("rope_theta", default: 500_000))
    let window = try json.has("sliding_window") ? json.optional("sliding_window", in: ConfigJSON.lengths) : 4096
    windows = try json.windows(fields.layerCount, of: window) { ($0 + 1) % 4 != 0 }
  }

  /// Queries and keys are normalized before they are rotated.
  public func attention(layer: Int) -> any AttentionLayer {
    let shape = fields.attention
    let heads = AttentionHeads(shape, rope: windows[layer] == nil ? rope : localRope, window: windows[layer])
    return SelfAttention(
      heads, bias: attentionBias, outputBias: attentionBias,
      qNorm: RMSNorm(shape.headCount * shape.headDim, eps: normEps),
      kNorm: RMSNorm(shape.kvHeadCount * shape.headDim, eps: normEps))
  }
}
