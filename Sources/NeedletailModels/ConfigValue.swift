import NeedletailJSON

/// What is wrong in a config, as one sentence that names the file and the field.
public struct ConfigError: Error, Equatable, CustomStringConvertible {
  /// The sentence.
  public let description: String
  /// An error.
  public init(_ description: String) { self.description = description }
}

/// A type an element of an array in a config may have.
public protocol ConfigElement {
  /// The value of a field, nil if it is of another type.
  init?(config json: JSON)
  /// "a number", for messages.
  static var expected: String { get }
}

/// A type a field of a config may have. Integers are read apart, because each has a range: a size that nobody checks is how
/// a hostile config gets through.
public protocol ConfigValue: ConfigElement {}

extension Double: ConfigValue {
  /// A finite number.
  public init?(config json: JSON) {
    guard let value = json.double, value.isFinite else { return nil }
    self = value
  }
  /// In messages.
  public static var expected: String { "a finite number" }
}

extension Float: ConfigValue {
  /// A number that is finite in 32 bits.
  public init?(config json: JSON) {
    guard let value = json.double.map(Float.init), value.isFinite else { return nil }
    self = value
  }
  /// In messages.
  public static var expected: String { "a finite number" }
}

extension Bool: ConfigValue {
  /// A boolean.
  public init?(config json: JSON) {
    guard let value = json.bool else { return nil }
    self = value
  }
  /// In messages.
  public static var expected: String { "true or false" }
}

extension String: ConfigValue {
  /// A text.
  public init?(config json: JSON) {
    guard let value = json.string else { return nil }
    self = value
  }
  /// In messages.
  public static var expected: String { "a text" }
}

extension Int: ConfigElement {
  /// An integer.
  public init?(config json: JSON) {
    guard let value = json.int else { return nil }
    self = value
  }
  /// In messages.
  public static var expected: String { "an integer" }
}

extension Array: ConfigElement, ConfigValue where Element: ConfigElement {
  /// An array of values of one type.
  public init?(config json: JSON) {
    guard let elements = json.array else { return nil }
    self = elements.compactMap(Element.init(config:))
    guard count == elements.count else { return nil }
  }
  /// In messages.
  public static var expected: String { "an array, each element \(Element.expected)" }
}

extension JSON {
  /// The value where it is short, its type where it is not.
  var summary: String {
    switch self {
    case .null, .bool, .int, .double: text()
    case .string(let value) where value.utf8.count <= 40: text()
    case .string, .array, .object: typeName
    }
  }
}
