/// The full compatibility decompositions of Unicode, which the standard library does not have.
enum CompatibilityTable {
  /// The scalars that stand for a scalar in NFKD. Made at the first use, in about a millisecond.
  static let mappings: [UInt32: [Unicode.Scalar]] = {
    var mappings: [UInt32: [Unicode.Scalar]] = [:]
    mappings.reserveCapacity(4096)
    var (numbers, count, value) = ([UInt32](), UInt32(1), UInt32(0))
    var first: UInt32 = 0
    func finish() {
      for step in 0..<count { mappings[first + step] = numbers.compactMap { Unicode.Scalar($0 + step) } }
    }
    let bytes = UnsafeBufferPointer(start: data.utf8Start, count: data.utf8CodeUnitCount)
    var isCount = false
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "+"): (first, value, isCount) = (value, 0, true)
      case UInt8(ascii: ":"):
        if isCount { count = value } else { first = value }
        value = 0
      case UInt8(ascii: ","):
        numbers.append(value)
        value = 0
      case UInt8(ascii: " "), UInt8(ascii: "\n"):
        numbers.append(value)
        finish()
        (numbers, count, value, isCount) = ([], 1, 0, false)
      default: value = value << 4 | UInt32(byte < 0x40 ? byte - 0x30 : byte - 0x57)
      }
    }
    numbers.append(value)
    finish()
    return mappings
  }()
}
