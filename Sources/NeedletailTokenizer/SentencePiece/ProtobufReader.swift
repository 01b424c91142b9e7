/// Reads the fields of one protobuf message; lengths are checked against the bytes that are there.
struct ProtobufReader {
  enum Value {
    case varint(UInt64)
    case fixed64(UInt64)
    case bytes(ArraySlice<UInt8>)
    case fixed32(UInt32)
  }

  private let bytes: ArraySlice<UInt8>
  private var position: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  /// The next field's number and value, or nil at the end.
  mutating func next() throws -> (field: Int, value: Value)? {
    guard position < bytes.endIndex else { return nil }
    let key = try varint()
    let field = Int(truncatingIfNeeded: key >> 3)
    guard field > 0, key >> 3 < 1 << 29 else { throw error("a field number out of range") }
    switch key & 7 {
    case 0: return (field, .varint(try varint()))
    case 1: return (field, .fixed64(try fixed(8)))
    case 2:
      let length = try varint()
      guard length <= UInt64(bytes.endIndex - position) else { throw error("a length beyond the end") }
      let start = position
      position += Int(length)
      return (field, .bytes(bytes[start..<position]))
    case 5: return (field, .fixed32(UInt32(truncatingIfNeeded: try fixed(4))))
    default: throw error("an unknown kind of field")
    }
  }

  private mutating func varint() throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard position < bytes.endIndex else { break }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw error("an integer that does not end")
  }

  private mutating func fixed(_ count: Int) throws -> UInt64 {
    guard count <= bytes.endIndex - position else { throw error("a number beyond the end") }
    defer { position += count }
    return (0..<count).reduce(0) { $0 | UInt64(bytes[position + $1]) << UInt64($1 * 8) }
  }

  private func error(_ what: String) -> TokenizerError {
    TokenizerError("the SentencePiece model is damaged: \(what) at byte \(position)")
  }
}

extension ProtobufReader.Value {
  /// The value as a whole number.
  var int: Int? { if case .varint(let value) = self { Int(Int64(bitPattern: value)) } else { nil } }
  /// The value as a truth value.
  var bool: Bool? { int.map { $0 != 0 } }
  /// The value as a 32-bit floating-point number.
  var float: Float? { if case .fixed32(let bits) = self { Float(bitPattern: bits) } else { nil } }
  /// The value as bytes.
  var bytes: ArraySlice<UInt8>? { if case .bytes(let bytes) = self { bytes } else { nil } }
  /// The value as text.
  var string: String? { bytes.flatMap { String(validating: $0, as: UTF8.self) } }
}
