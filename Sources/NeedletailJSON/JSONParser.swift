/// Why a text is not the JSON that was expected: where, and what.
public struct JSONError: Error, Equatable, CustomStringConvertible {
  /// Bytes from the start of the text.
  public let offset: Int
  /// What is wrong there.
  public let message: String
  /// "invalid JSON at byte 12: ..."
  public var description: String { "invalid JSON at byte \(offset): \(message)" }
}

extension JSON {
  /// What a parser accepts.
  public struct ParsingOptions: Sendable {
    /// Arrays and objects within each other.
    public var maximumDepth = 128
    /// `NaN`, `Infinity` and `-Infinity`, which Python writes.
    public var allowsNonFiniteNumbers = false
    /// The defaults.
    public init(maximumDepth: Int = 128, allowsNonFiniteNumbers: Bool = false) {
      self.maximumDepth = maximumDepth
      self.allowsNonFiniteNumbers = allowsNonFiniteNumbers
    }
  }

  /// Parses a whole text.
  public static func parse(_ text: String, options: ParsingOptions = .init()) throws(JSONError) -> JSON {
    try parse(Array(text.utf8), options: options)
  }

  /// Parses a whole text of UTF-8 bytes.
  public static func parse(_ bytes: [UInt8], options: ParsingOptions = .init()) throws(JSONError) -> JSON {
    let result: Result<JSON, JSONError> = bytes.withUnsafeBufferPointer { buffer in
      do throws(JSONError) { return .success(try parse(buffer, options: options)) } catch { return .failure(error) }
    }
    return try result.get()
  }

  /// Parses a whole text of UTF-8 bytes in place; nothing of it is kept.
  public static func parse(
    _ bytes: UnsafeBufferPointer<UInt8>, options: ParsingOptions = .init()
  ) throws(JSONError) -> JSON {
    var parser = JSONParser(bytes: bytes, options: options)
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    guard parser.position == bytes.count else { throw parser.error("text after the end of the document") }
    return value
  }
}

struct JSONParser {
  let bytes: UnsafeBufferPointer<UInt8>
  let options: JSON.ParsingOptions
  var position = 0

  func error(_ message: String) -> JSONError { JSONError(offset: position, message: message) }

  mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  mutating func value(depth: Int) throws(JSONError) -> JSON {
    skipSpace()
    guard position < bytes.count else { throw error("the text ends where a value should stand") }
    guard depth <= options.maximumDepth else { throw error("nested more than \(options.maximumDepth) deep") }
    switch bytes[position] {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    case UInt8(ascii: "N") where options.allowsNonFiniteNumbers: return try literal("NaN", .double(.nan))
    case UInt8(ascii: "I") where options.allowsNonFiniteNumbers: return try literal("Infinity", .double(.infinity))
    default: return try number()
    }
  }

  private mutating func literal(_ text: StaticString, _ value: JSON) throws(JSONError) -> JSON {
    let count = text.utf8CodeUnitCount
    guard position + count <= bytes.count,
      (0..<count).allSatisfy({ bytes[position + $0] == text.utf8Start[$0] })
    else { throw error("not a value") }
    position += count
    return value
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSON {
    position += 1
    var elements: [JSON] = []
    skipSpace()
    if take(UInt8(ascii: "]")) { return .array([]) }
    // Growing from one element by doubling costs short arrays, such as the pairs of a merge list, an allocation each.
    elements.reserveCapacity(2)
    while true {
      elements.append(try value(depth: depth + 1))
      skipSpace()
      if take(UInt8(ascii: "]")) { return .array(elements) }
      guard take(UInt8(ascii: ",")) else { throw error("',' or ']' expected") }
    }
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSON {
    position += 1
    var members: [(String, JSON)] = []
    skipSpace()
    if take(UInt8(ascii: "}")) { return .object(JSONObject()) }
    while true {
      skipSpace()
      guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw error("a key expected") }
      let key = try string()
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw error("':' expected") }
      members.append((key, try value(depth: depth + 1)))
      skipSpace()
      if take(UInt8(ascii: "}")) { return .object(JSONObject(members)) }
      guard take(UInt8(ascii: ",")) else { throw error("',' or '}' expected") }
    }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  /// An integer of up to 18 digits, which no other kind of number could be; nil, without moving, for all others.
  private mutating func shortInteger() -> Int? {
    var end = position
    let isNegative = bytes[end] == UInt8(ascii: "-")
    if isNegative { end += 1 }
    let first = end
    var value = 0
    while end < bytes.count, case let digit = bytes[end] &- 0x30, digit < 10 {
      guard end - first < 18 else { return nil }
      value = value &* 10 &+ Int(digit)
      end += 1
    }
    guard end > first, bytes[first] != UInt8(ascii: "0") || end == first + 1 else { return nil }
    if end < bytes.count, bytes[end] == UInt8(ascii: ".") || bytes[end] | 0x20 == UInt8(ascii: "e") { return nil }
    position = end
    return isNegative ? -value : value
  }

  private mutating func number() throws(JSONError) -> JSON {
    if let integer = shortInteger() { return .int(integer) }
    let start = position
    if position < bytes.count, bytes[position] == UInt8(ascii: "-") { position += 1 }
    if options.allowsNonFiniteNumbers, position < bytes.count, bytes[position] == UInt8(ascii: "I") {
      return try literal("Infinity", .double(-.infinity))
    }
    let integerStart = position
    skipDigits()
    guard position > integerStart else {
      position = start
      throw error("not a value")
    }
    if bytes[integerStart] == UInt8(ascii: "0"), position - integerStart > 1 { throw error("a number starts with 0") }
    var isInteger = true
    if take(UInt8(ascii: ".")) {
      isInteger = false
      let fraction = position
      skipDigits()
      guard position > fraction else { throw error("digits expected after '.'") }
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      position += 1
      if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
        position += 1
      }
      let exponent = position
      skipDigits()
      guard position > exponent else { throw error("digits expected in the exponent") }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let value = Int(text) { return .int(value) }
    guard let value = Double(text), value.isFinite || options.allowsNonFiniteNumbers else {
      throw error("a number too large")
    }
    return .double(value)
  }

  private mutating func skipDigits() {
    while position < bytes.count, bytes[position] &- 0x30 < 10 { position += 1 }
  }
}
