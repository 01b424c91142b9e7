/// The merges of a byte-pair encoding: two ids, the rank of their merge and the id that they become.
struct MergeTable: Sendable {
  struct Merge: Sendable {
    var rank: UInt32
    var id: Int32
  }

  private var keys: [UInt64]
  private var merges: [Merge]
  private var count = 0

  private static let empty = UInt64.max

  init(capacity: Int) {
    var slots = 16
    while slots < capacity * 2 { slots *= 2 }
    keys = [UInt64](repeating: Self.empty, count: slots)
    merges = [Merge](repeating: Merge(rank: .max, id: -1), count: slots)
  }

  /// Adds a merge, which must fit the capacity; the last of equal pairs stays.
  mutating func insert(_ left: Int32, _ right: Int32, _ merge: Merge) {
    let slot = slot(of: Self.key(left, right))
    if keys[slot] == Self.empty {
      count += 1
      precondition(count < keys.count, "more merges than the table was made for: \(count)")
      keys[slot] = Self.key(left, right)
    }
    merges[slot] = merge
  }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always)
  private func slot(of key: UInt64) -> Int {
    let mask = keys.count - 1
    var slot = Int(truncatingIfNeeded: ByteHash.mix(key)) & mask
    while keys[slot] != Self.empty, keys[slot] != key { slot = (slot + 1) & mask }
    return slot
  }

  /// The merge of a pair; its rank is `.max` where there is none.
  @inline(__always)
  func merge(_ left: Int32, _ right: Int32) -> Merge {
    merges[slot(of: Self.key(left, right))]
  }
}
