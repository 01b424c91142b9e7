import NeedletailGraph

/// The config of Exaone 4 (LG AI Research 2025): norms after attention and feed-forward layers and of each query and key
/// head. Where some layers have a window, the others have no positions.
public struct Exaone4Config: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Positions.
  public let rope: Rope
  /// For each layer, how many positions a token sees; nil: all.
  public let windows: [Int?]
  /// Whether layers that see all have positions.
  public let rotatesAll: Bool

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, kvHeadCount: 32, eps: 1e-5)
    rope = try fields.rope(json)
    let window = try json.has("sliding_window") ? json.optional("sliding_window", in: ConfigJSON.lengths) : 4096
    rotatesAll = window == nil
    // A text where "layer_types" says it all.
    let period = try json.has("layer_types") || window == nil ? 1 : json("sliding_window_pattern", default: 4)
    windows = try json.windows(fields.layerCount, of: window) { ($0 + 1) % period != 0 }
  }

  /// Queries and keys are normalized before they are rotated.
  public func attention(layer: Int) -> any AttentionLayer {
    let headDim = fields.attention.headDim
    let norm = { HeadNorm(RMSNorm(headDim, eps: normEps), headDim) }
    let rope = rotatesAll || windows[layer] != nil ? rope : nil
    return SelfAttention(
      AttentionHeads(fields.attention, rope: rope, window: windows[layer]), qNorm: norm(), kNorm: norm())
  }
}
