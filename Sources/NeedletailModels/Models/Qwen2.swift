import NeedletailGraph

/// The config of Qwen 2 and 2.5 (Yang et al. 2024): Llama with biases of queries, keys and values, and windows in the
/// upper layers of some. Also that of MiMo 7B (Xiaomi 2025), whose layers for several tokens at once are not read.
public struct Qwen2Config: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Positions.
  public let rope: Rope
  /// For each layer, how many positions a token sees; nil: all.
  public let windows: [Int?]
  /// As the protocol says.
  public let ignoredPrefixes: [String]

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, kvHeadCount: 32)
    rope = try fields.rope(json)
    windows = try json.qwenWindows(fields.layerCount)
    try json.expect("use_mrope", false)
    ignoredPrefixes = try json("model_type", default: "qwen2") == "mimo" ? ["model.mtp_layers."] : []
  }

  /// Biases, but none of the output.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(fields.attention, rope: rope, bias: true, window: windows[layer])
  }
}

extension ConfigJSON {
  /// "sliding_window" if "use_sliding_window" is true, in the layers from "max_window_layers" on, or by "layer_types".
  func qwenWindows(_ layerCount: Int) throws(ConfigError) -> [Int?] {
    var window: Int?
    if try self("use_sliding_window", default: false) {
      window = try has("sliding_window") ? optional("sliding_window", in: Self.lengths) : 4096
    }
    let first = try self("max_window_layers", default: 28, in: 0...Int(Int32.max))
    return try windows(layerCount, of: window) { $0 >= first }
  }
}
