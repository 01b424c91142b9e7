// Rounding a double calls C's mathematics library, which is linked only where it is imported.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A JSON document as a plain value.
///
/// Objects keep the order of their keys (chat templates print them in order), integers stay integers, and parsing is
/// bounded in depth, so that a hostile file can neither trap nor exhaust the stack.
///
///     let config = try JSON.parse(bytes)
///     let hidden = config["hidden_size"]?.int
public enum JSON: Sendable, Hashable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case array([JSON])
  case object(JSONObject)
}

extension JSON {
  /// Values are equal when they are of one kind and hold the same; strings by their bytes, objects in any order.
  public static func == (a: JSON, b: JSON) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.int(let a), .int(let b)): a == b
    case (.double(let a), .double(let b)): a == b
    case (.string(let a), .string(let b)): a.utf8.count == b.utf8.count && a.utf8.elementsEqual(b.utf8)
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)): a == b
    default: false
    }
  }

  /// The member of an object, or nil where this is no object or has no such key.
  public subscript(key: String) -> JSON? {
    if case .object(let object) = self { object[key] } else { nil }
  }

  /// The value as an integer; a double with an integral value counts (`1e3` is 1000).
  public var int: Int? {
    switch self {
    case .int(let value): value
    case .double(let value): Int(exactly: value)
    default: nil
    }
  }

  /// The value as a double; integers count.
  public var double: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  /// The value as a boolean; no other type counts.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

  /// The value as a string; no other type counts.
  public var string: String? { if case .string(let value) = self { value } else { nil } }

  /// The elements of an array.
  public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }

  /// The members of an object.
  public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }

  /// Whether this is `null`.
  public var isNull: Bool { self == .null }

  /// The JSON name of the value's type, for messages.
  public var typeName: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .int, .double: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// `"text"`
  public init(stringLiteral value: String) { self = .string(value) }
  /// `1`
  public init(integerLiteral value: Int) { self = .int(value) }
  /// `1.5`
  public init(floatLiteral value: Double) { self = .double(value) }
  /// `true`
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// `[1, "two"]`
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  /// `["key": 1]`; the last of equal keys stays.
  public init(dictionaryLiteral elements: (String, JSON)...) { self = .object(JSONObject(elements)) }
}
