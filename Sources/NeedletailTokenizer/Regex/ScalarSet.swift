/// A character class made ready for matching: a bitmap for ASCII, categories and ranges for the rest.
struct ScalarSet: Sendable {
  private let low: UInt64
  private let high: UInt64
  private let categories: UInt32
  private let ranges: [ClosedRange<UInt32>]
  private let isNegated: Bool
  /// Set where the predicate is more than categories and ranges.
  private let complex: ScalarPredicate?

  init(_ predicate: ScalarPredicate) {
    var bits: (UInt64, UInt64) = (0, 0)
    for value in UInt32(0)..<64 where predicate.contains(value) { bits.0 |= 1 << UInt64(value) }
    for value in UInt32(64)..<128 where predicate.contains(value) { bits.1 |= 1 << UInt64(value - 64) }
    (low, high) = bits
    var flat = Flat()
    if flat.add(predicate) {
      complex = nil
    } else {
      flat = Flat()
      complex = predicate
    }
    categories = flat.categories
    ranges = flat.ranges.filter { $0.upperBound >= 0x80 }
    isNegated = flat.isNegated
  }

  /// A union of categories and ranges, perhaps negated as a whole.
  private struct Flat {
    var categories: UInt32 = 0
    var ranges: [ClosedRange<UInt32>] = []
    var isNegated = false

    mutating func add(_ predicate: ScalarPredicate) -> Bool {
      if case .complement(let inner) = predicate {
        isNegated.toggle()
        return add(inner)
      }
      return addUnion(predicate)
    }

    private mutating func addUnion(_ predicate: ScalarPredicate) -> Bool {
      switch predicate {
      case .categories(let mask): categories |= mask
      case .ranges(let more): ranges += more
      case .union(let parts): return parts.allSatisfy { addUnion($0) }
      default: return false
      }
      return true
    }
  }

  @inline(__always)
  func containsASCII(_ byte: UInt8) -> Bool {
    (byte < 64 ? low >> UInt64(byte) : high >> UInt64(byte & 63)) & 1 != 0
  }

  func contains(_ scalar: UInt32) -> Bool {
    if scalar < 0x80 { return containsASCII(UInt8(scalar)) }
    if let complex { return complex.contains(scalar) }
    if categories != 0, UnicodeCategories.bit(scalar) & categories != 0 { return !isNegated }
    for range in ranges where range.contains(scalar) { return !isNegated }
    return isNegated
  }

  /// The bytes with which a member may begin; too many rather than too few.
  var firstBytes: ByteSet {
    var bytes = ByteSet()
    for byte in UInt8(0)..<0x80 where containsASCII(byte) { bytes.insert(byte) }
    let hasOthers = isNegated || categories != 0 || !ranges.isEmpty || complex != nil
    if hasOthers { for byte in UInt8(0xC2)...0xF4 { bytes.insert(byte) } }
    return bytes
  }
}

/// A set of bytes.
struct ByteSet: Sendable, Equatable {
  private var words: SIMD4<UInt64> = .zero

  static let all: ByteSet = {
    var set = ByteSet()
    set.words = SIMD4(repeating: .max)
    return set
  }()

  mutating func insert(_ byte: UInt8) { words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }
  mutating func formUnion(_ other: ByteSet) { words |= other.words }

  @inline(__always)
  func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] >> UInt64(byte & 63) & 1 != 0 }
}
