extension JSONParser {
  /// Reads a string, whose opening quote stands at the position.
  mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    // Most strings have no escape: find the end, then decode once.
    while position < bytes.count, bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\\") {
      guard bytes[position] >= 0x20 else { throw error("a control character in a string") }
      position += 1
    }
    guard position < bytes.count else { throw error("a string does not end") }
    if bytes[position] == UInt8(ascii: "\"") {
      let text = try decode(UnsafeBufferPointer(rebasing: bytes[start..<position]))
      position += 1
      return text
    }
    return try escapedString(from: start)
  }

  private mutating func escapedString(from start: Int) throws(JSONError) -> String {
    var text = Array(bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        let copy = text
        var result: Result<String, JSONError> = .success("")
        copy.withUnsafeBufferPointer { buffer in
          do throws(JSONError) { result = .success(try decode(buffer)) } catch { result = .failure(error) }
        }
        return try result.get()
      case UInt8(ascii: "\\"): text.append(contentsOf: try escape())
      case 0..<0x20: throw error("a control character in a string")
      default: text.append(byte)
      }
    }
    throw error("a string does not end")
  }

  private func decode(_ slice: UnsafeBufferPointer<UInt8>) throws(JSONError) -> String {
    guard let text = String(validating: slice, as: UTF8.self) else { throw error("a string is not valid UTF-8") }
    return text
  }

  private mutating func escape() throws(JSONError) -> [UInt8] {
    guard position < bytes.count else { throw error("a string does not end") }
    let kind = bytes[position]
    position += 1
    switch kind {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [kind]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"):
      var code = UInt32(try hex4())
      if 0xD800..<0xDC00 ~= code {
        guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
          bytes[position + 1] == UInt8(ascii: "u")
        else { throw error("half a surrogate pair") }
        position += 2
        let low = UInt32(try hex4())
        guard 0xDC00..<0xE000 ~= low else { throw error("half a surrogate pair") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw error("half a surrogate pair") }
      return Array(String(Character(scalar)).utf8)
    default: throw error("an unknown escape in a string")
    }
  }

  private mutating func hex4() throws(JSONError) -> UInt16 {
    guard position + 4 <= bytes.count else { throw error("a string does not end") }
    var code: UInt16 = 0
    for _ in 0..<4 {
      let byte = bytes[position]
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte - 0x30
      case 0x41...0x46: digit = byte - 0x41 + 10
      case 0x61...0x66: digit = byte - 0x61 + 10
      default: throw error("four hexadecimal digits expected after \\u")
      }
      code = code << 4 | UInt16(digit)
      position += 1
    }
    return code
  }
}
