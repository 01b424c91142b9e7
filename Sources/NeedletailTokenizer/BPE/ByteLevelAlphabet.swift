/// The characters that stand for bytes in byte-level vocabularies: printable bytes for themselves, the others for
/// U+0100 onwards (GPT-2's `bytes_to_unicode`).
enum ByteLevelAlphabet {
  /// The scalar of every byte.
  static let scalars: [UInt16] = {
    var next: UInt16 = 256
    return (UInt16(0)..<256).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return byte
      default:
        next += 1
        return next - 1
      }
    }
  }()

  /// The byte of every scalar below 324, or -1.
  static let bytes: [Int16] = {
    var bytes = [Int16](repeating: -1, count: 324)
    for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = Int16(byte) }
    return bytes
  }()

  @inline(__always)
  static func append(_ byte: UInt8, to text: inout [UInt8]) {
    let scalar = scalars[Int(byte)]
    if scalar < 0x80 {
      text.append(UInt8(scalar))
    } else {
      text.append(0xC0 | UInt8(scalar >> 6))
      text.append(0x80 | UInt8(scalar & 0x3F))
    }
  }

  /// The character of a byte in UTF-8.
  static func encoded(_ byte: UInt8) -> [UInt8] {
    var text: [UInt8] = []
    append(byte, to: &text)
    return text
  }

  /// The bytes that a text stands for, or nil where a character of it stands for none.
  static func decode(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(text.count)
    var position = 0
    while position < text.count {
      let (scalar, length) = UTF8Scalar.decode(text, at: position)
      guard scalar < 324, bytes[Int(scalar)] >= 0 else { return nil }
      decoded.append(UInt8(bytes[Int(scalar)]))
      position += length
    }
    return decoded
  }
}
