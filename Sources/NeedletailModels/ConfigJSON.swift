import NeedletailGraph
import NeedletailJSON

/// Reads fields of `config.json`, a line a field; the type is inferred.
///
///     hiddenSize = try json("hidden_size")
///     headDim = try json("head_dim", default: hiddenSize / headCount)
///     window = try json.optional("sliding_window")
///
/// A field that is null counts as missing. Everything that is missing without a default, of the wrong type or out of range
/// throws a `ConfigError`: one sentence with the field's name.
public struct ConfigJSON: Sendable {
  /// Sizes of a model (widths, counts of heads and layers): so large that products of a few of them stay within 64 bits.
  public static let sizes = 1...1 << 21

  private let object: JSONObject
  let file: String
  private let prefix: String

  /// A config; `file` is its name in messages. Throws where it is no object.
  public init(_ json: JSON, file: String = "config.json") throws(ConfigError) {
    try self.init(json, file: file, prefix: "")
  }

  private init(_ json: JSON, file: String, prefix: String) throws(ConfigError) {
    guard let object = json.object else {
      let place = prefix.isEmpty ? file : "\(file): \"\(prefix.dropLast())\""
      throw ConfigError("\(place) is \(json.typeName), not an object")
    }
    self.object = object
    self.file = file
    self.prefix = prefix
  }

  /// The names of the fields that are there and not null.
  public var fields: [String] { object.members.filter { !$0.value.isNull }.map(\.key) }

  /// Whether a field is there, be it null.
  public func has(_ name: String) -> Bool { object[name] != nil }

  /// A field in messages: `config.json: "rope_scaling.factor"`.
  public func path(of name: String) -> String { "\(file): \"\(prefix)\(name)\"" }

  private func value(_ name: String) -> JSON? { object[name].flatMap { $0.isNull ? nil : $0 } }

  private func missing(_ name: String) -> ConfigError { ConfigError("\(file) has no \"\(prefix)\(name)\"") }

  /// A field that has to be there.
  public func callAsFunction<Value: ConfigValue>(_ name: String) throws(ConfigError) -> Value {
    guard let value: Value = try optional(name) else { throw missing(name) }
    return value
  }

  /// A field, or a value where it is missing or null.
  public func callAsFunction<Value: ConfigValue>(
    _ name: String, default usual: @autoclosure () -> Value
  ) throws(ConfigError) -> Value {
    try optional(name) ?? usual()
  }

  /// A field, or nil where it is missing or null.
  public func optional<Value: ConfigValue>(_ name: String) throws(ConfigError) -> Value? {
    guard let json = value(name) else { return nil }
    guard let value = Value(config: json) else {
      throw ConfigError("\(path(of: name)) is \(json.summary), not \(Value.expected)")
    }
    return value
  }

  /// An integer that has to be there: a size, unless a range is given.
  public func callAsFunction(
    _ name: String, in range: ClosedRange<Int> = ConfigJSON.sizes
  ) throws(ConfigError) -> Int {
    guard let value = try optional(name, in: range) else { throw missing(name) }
    return value
  }

  /// An integer, a size unless a range is given, or a value where it is missing or null.
  public func callAsFunction(
    _ name: String, default usual: @autoclosure () -> Int, in range: ClosedRange<Int> = ConfigJSON.sizes
  ) throws(ConfigError) -> Int {
    try optional(name, in: range) ?? usual()
  }

  /// An integer, a size unless a range is given, or nil where it is missing or null.
  public func optional(_ name: String, in range: ClosedRange<Int> = ConfigJSON.sizes) throws(ConfigError) -> Int? {
    guard let json = value(name) else { return nil }
    guard let value = json.int else {
      throw ConfigError("\(path(of: name)) is \(json.summary), not an integer")
    }
    guard range ~= value else {
      throw ConfigError(
        "\(path(of: name)) is \(value), which is not between \(range.lowerBound) and \(range.upperBound)")
    }
    return value
  }

  /// The members of a field that is an object, or nil where it is missing or null.
  public func group(_ name: String) throws(ConfigError) -> ConfigJSON? {
    guard let json = value(name) else { return nil }
    return try ConfigJSON(json, file: file, prefix: prefix + name + ".")
  }

  /// The members of a field that is an object and has to be there.
  func required(_ name: String) throws(ConfigError) -> ConfigJSON {
    guard let group = try group(name) else { throw missing(name) }
    return group
  }

  /// The members of each element of a field that is an array of objects, or nil where it is missing or null.
  public func groups(_ name: String) throws(ConfigError) -> [ConfigJSON]? {
    guard let json = value(name) else { return nil }
    guard let elements = json.array else { throw ConfigError("\(path(of: name)) is \(json.summary), not an array") }
    var groups: [ConfigJSON] = []
    for (index, element) in elements.enumerated() {
      groups.append(try ConfigJSON(element, file: file, prefix: "\(prefix)\(name)[\(index)]."))
    }
    return groups
  }

  /// The members of a field if it is an object, nil for every other value.
  func group(ifObject name: String) throws(ConfigError) -> ConfigJSON? {
    object[name]?.object == nil ? nil : try group(name)
  }

  /// A field whose texts stand for values; any other text is an error that lists them.
  public func choice<Value>(
    _ name: String, default usual: Value? = nil, _ values: [String: Value]
  ) throws(ConfigError) -> Value {
    guard let text: String = try optional(name) else {
      guard let usual else { throw missing(name) }
      return usual
    }
    guard let value = values[text] else {
      let known = values.keys.sorted().joined(separator: ", ")
      throw ConfigError("\(path(of: name)) is \"\(text)\", which is not known; known are \(known)")
    }
    return value
  }

  /// An activation by its name in configs: "silu", "gelu_new"...
  public func activation(_ name: String, default usual: Activation? = nil) throws(ConfigError) -> Activation {
    try choice(name, default: usual, Self.activations)
  }

  private static let activations: [String: Activation] = [
    "silu": .silu, "swish": .silu, "gelu": .gelu, "gelu_python": .gelu, "gelu_new": .geluTanh,
    "gelu_fast": .geluTanh, "gelu_pytorch_tanh": .geluTanh, "gelu_accurate": .geluTanh, "quick_gelu": .quickGelu,
    "relu": .relu, "relu2": .reluSquared, "sigmoid": .sigmoid, "tanh": .tanh, "linear": .identity,
  ]
}
