extension JSON {
  /// The value that `JSON(encoding:)` wrote. Throws a `JSONDecodingError` with the path of what is missing or of another
  /// kind; nothing traps, whatever the document holds.
  ///
  ///     let plan = try JSON.parse(bytes).decoded(as: Plan.self)
  public func decoded<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
    do {
      return try JSONValueDecoder(json: self, codingPath: []).value(of: type)
    } catch let error as DecodingError {
      throw JSONDecodingError(error)
    }
  }
}

/// A document that does not describe the value asked for, in one sentence.
public struct JSONDecodingError: Error, Equatable, CustomStringConvertible {
  /// The sentence.
  public let description: String

  init(_ error: DecodingError) {
    func text(_ context: DecodingError.Context, _ key: (any CodingKey)? = nil) -> String {
      let path = (context.codingPath + (key.map { [$0] } ?? [])).map(\.stringValue).joined(separator: ".")
      return "\(path.isEmpty ? "the document" : path): \(context.debugDescription)"
    }
    description =
      switch error {
      case .keyNotFound(let key, let context): text(context, key)
      case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context): text(context)
      @unknown default: "the document does not fit"
      }
  }
}

private struct JSONValueDecoder: Decoder {
  let json: JSON
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    guard case .object(let object) = json else { throw mismatch(type, "an object") }
    return KeyedDecodingContainer(KeyedValues(object: object, codingPath: codingPath))
  }
  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    guard case .array(let values) = json else { throw mismatch([JSON].self, "an array") }
    return UnkeyedValues(values: values, codingPath: codingPath)
  }
  func singleValueContainer() throws -> any SingleValueDecodingContainer { self }

  func mismatch(_ type: Any.Type, _ wanted: String) -> DecodingError {
    .typeMismatch(type, .init(codingPath: codingPath, debugDescription: "must be \(wanted), not \(json.typeName)"))
  }

  func integer<Integer: FixedWidthInteger>(_ type: Integer.Type) throws -> Integer {
    guard let value = json.int, let result = Integer(exactly: value) else {
      throw mismatch(type, "an integer of \(Integer.bitWidth) bits")
    }
    return result
  }

  func double() throws -> Double {
    switch json {
    case .string("nan"): return .nan
    case .string("inf"): return .infinity
    case .string("-inf"): return -.infinity
    default:
      guard let value = json.double else { throw mismatch(Double.self, "a number") }
      return value
    }
  }

  // Types of the standard library decode themselves by asking a container for themselves: they are read here.
  func value<Value: Decodable>(of type: Value.Type) throws -> Value {
    let result: Any
    switch type {
    case is Bool.Type: result = try decode(Bool.self)
    case is String.Type: result = try decode(String.self)
    case is Double.Type: result = try double()
    case is Float.Type: result = Float(try double())
    case is Int.Type: result = try integer(Int.self)
    case is Int32.Type: result = try integer(Int32.self)
    case is UInt8.Type: result = try integer(UInt8.self)
    default: return try Value(from: self)
    }
    guard let value = result as? Value else { throw mismatch(type, "\(type)") }
    return value
  }
}

extension JSONValueDecoder: SingleValueDecodingContainer {
  func decodeNil() -> Bool { json.isNull }
  func decode(_ type: Bool.Type) throws -> Bool {
    guard let value = json.bool else { throw mismatch(type, "true or false") }
    return value
  }
  func decode(_ type: String.Type) throws -> String {
    guard let value = json.string else { throw mismatch(type, "a string") }
    return value
  }
  func decode(_ type: Double.Type) throws -> Double { try double() }
  func decode(_ type: Float.Type) throws -> Float { Float(try double()) }
  func decode(_ type: Int.Type) throws -> Int { try integer(type) }
  func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
  func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
  func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
  func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
  func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
  func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
  func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
  func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
  func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }
  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try value(of: type) }
}

private struct KeyedValues<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let object: JSONObject
  let codingPath: [any CodingKey]
  var allKeys: [Key] { object.keys.compactMap(Key.init(stringValue:)) }

  func contains(_ key: Key) -> Bool { object[key.stringValue] != nil }
  private func decoder(_ key: Key) throws -> JSONValueDecoder {
    guard let json = object[key.stringValue] else {
      throw DecodingError.keyNotFound(key, .init(codingPath: codingPath, debugDescription: "is missing"))
    }
    return JSONValueDecoder(json: json, codingPath: codingPath + [key])
  }
  func decodeNil(forKey key: Key) throws -> Bool { try decoder(key).json.isNull }
  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    try decoder(key).value(of: type)
  }
  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> { try decoder(key).container(keyedBy: type) }
  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try decoder(key).unkeyedContainer()
  }
  func superDecoder() throws -> any Decoder {
    JSONValueDecoder(json: object["super"] ?? .null, codingPath: codingPath)
  }
  func superDecoder(forKey key: Key) throws -> any Decoder { try decoder(key) }
}

private struct UnkeyedValues: UnkeyedDecodingContainer {
  let values: [JSON]
  let codingPath: [any CodingKey]
  var currentIndex = 0
  var count: Int? { values.count }
  var isAtEnd: Bool { currentIndex >= values.count }

  init(values: [JSON], codingPath: [any CodingKey]) {
    self.values = values
    self.codingPath = codingPath
  }

  private mutating func next() throws -> JSONValueDecoder {
    guard !isAtEnd else {
      throw DecodingError.valueNotFound(
        JSON.self, .init(codingPath: codingPath, debugDescription: "has only \(values.count) elements"))
    }
    defer { currentIndex += 1 }
    return JSONValueDecoder(json: values[currentIndex], codingPath: codingPath)
  }
  mutating func decodeNil() throws -> Bool {
    guard !isAtEnd, values[currentIndex].isNull else { return false }
    currentIndex += 1
    return true
  }
  mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try next().value(of: type) }
  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type
  ) throws -> KeyedDecodingContainer<Nested> { try next().container(keyedBy: type) }
  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try next().unkeyedContainer() }
  mutating func superDecoder() throws -> any Decoder { try next() }
}
