extension JSONParser {
  /// Reads a string, whose opening quote stands at the position.
  mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    // Most strings have no escape: find the end, then decode once.
    skipPlainText()
    guard position < bytes.count else { throw error("a string does not end") }
    switch bytes[position] {
    case UInt8(ascii: "\""):
      let text = try decode(UnsafeBufferPointer(rebasing: bytes[start..<position]))
      position += 1
      return text
    case UInt8(ascii: "\\"): return try escapedString(from: start)
    default: throw error("a control character in a string")
    }
  }

  /// Moves on to the next quote, backslash or control character.
  private mutating func skipPlainText() {
    var end = position
    while end < bytes.count {
      let byte = bytes[end]
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { break }
      end += 1
    }
    position = end
  }

  private mutating func escapedString(from start: Int) throws(JSONError) -> String {
    var text: [UInt8] = []
    var plainStart = start
    while true {
      text.append(contentsOf: bytes[plainStart..<position])
      guard position < bytes.count else { throw error("a string does not end") }
      switch bytes[position] {
      case UInt8(ascii: "\""):
        position += 1
        let decoded: Result<String, JSONError> = text.withUnsafeBufferPointer { buffer in
          do throws(JSONError) { return .success(try decode(buffer)) } catch { return .failure(error) }
        }
        return try decoded.get()
      case UInt8(ascii: "\\"):
        position += 1
        try escape(into: &text)
      default: throw error("a control character in a string")
      }
      plainStart = position
      skipPlainText()
    }
  }

  private func decode(_ slice: UnsafeBufferPointer<UInt8>) throws(JSONError) -> String {
    guard let text = String(validating: slice, as: UTF8.self) else { throw error("a string is not valid UTF-8") }
    return text
  }

  private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
    guard position < bytes.count else { throw error("a string does not end") }
    let kind = bytes[position]
    position += 1
    switch kind {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(kind)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
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
      text.append(contentsOf: UTF8.encode(scalar) ?? .init())
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
