extension ConfigJSON {
  /// Sizes of vocabularies.
  public static let vocabularySizes = 1...1 << 24
  /// Counts of layers.
  public static let layerCounts = 1...10_000
  /// Lengths of sequences, in tokens; positions are 32-bit integers.
  public static let lengths = 1...Int(Int32.max)

  /// What a norm adds to its mean square: from 0 to 1.
  public func eps(_ name: String, default usual: Float? = nil) throws(ConfigError) -> Float {
    let eps: Float = if let usual { try self(name, default: usual) } else { try self(name) }
    guard 0...1 ~= eps else { throw ConfigError("\(path(of: name)) is \(eps), which is not between 0 and 1") }
    return eps
  }

  /// For each layer, how many positions a token sees: "sliding_window" (missing: `usual`; null: all), in the layers that
  /// "layer_types", where it is there, calls "sliding_attention".
  public func windows(_ layerCount: Int, default usual: Int? = nil) throws(ConfigError) -> [Int?] {
    let window = try has("sliding_window") ? optional("sliding_window", in: Self.lengths) : usual
    return try windows(layerCount, of: window) { _ in true }
  }

  /// For each layer, how many positions a token sees: the window, in the layers that "layer_types" calls
  /// "sliding_attention", or where there is no such field, in those that `isSliding` says.
  public func windows(
    _ layerCount: Int, of window: Int?, isSliding: (_ layer: Int) -> Bool
  ) throws(ConfigError) -> [Int?] {
    guard let types: [String] = try optional("layer_types") else {
      return (0..<layerCount).map { isSliding($0) ? window : nil }
    }
    guard types.count == layerCount else {
      throw ConfigError("\(path(of: "layer_types")) has \(types.count) elements for \(layerCount) layers")
    }
    var windows: [Int?] = []
    for type in types {
      switch type {
      case "full_attention": windows.append(nil)
      case "sliding_attention":
        guard let window else {
          throw ConfigError("\(path(of: "layer_types")) has \"sliding_attention\" and there is no \"sliding_window\"")
        }
        windows.append(window)
      default:
        throw ConfigError(
          "\(path(of: "layer_types")) has \"\(type)\", which is not known; known are full_attention, sliding_attention")
      }
    }
    return windows
  }

  /// A number that is not negative and not absurdly large, or a value where it is missing or null.
  public func factor(_ name: String, default usual: Float = 1) throws(ConfigError) -> Float {
    let value: Float = try self(name, default: usual)
    guard 0...1e6 ~= value else { throw ConfigError("\(path(of: name)) is \(value), which is out of range") }
    return value
  }

  /// A number over 0, or nil where it is missing and there is no default; null counts as none.
  public func positive(_ name: String, default usual: Float? = nil) throws(ConfigError) -> Float? {
    guard let value: Float = try has(name) ? optional(name) : usual else { return nil }
    guard value > 0, value < 1e9 else { throw ConfigError("\(path(of: name)) is \(value), which is out of range") }
    return value
  }
}
