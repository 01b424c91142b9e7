/// Byte strings with a value each, found from a place in a text onwards.
///
/// The edges stand in one hash table keyed by (node, byte): quick to build, and a step is one look-up.
struct ByteTrie: Sendable {
  private var edges: [UInt64]
  private var targets: [UInt32]
  private var edgeCount = 0
  /// The value of a node, or -1.
  private var values: [Int32] = [-1]
  private(set) var firstBytes = ByteSet()

  private static let empty = UInt64.max

  init(capacity: Int = 0) {
    var count = 64
    while count < capacity * 2 { count *= 2 }
    edges = [UInt64](repeating: Self.empty, count: count)
    targets = [UInt32](repeating: 0, count: count)
  }

  /// Whether nothing was inserted.
  var isEmpty: Bool { values.count == 1 }

  /// Adds a byte string, which must not be empty; the last value of equal ones stays.
  mutating func insert(_ bytes: some Sequence<UInt8>, value: Int32) {
    var node: UInt32 = 0
    for byte in bytes {
      if node == 0 { firstBytes.insert(byte) }
      let key = UInt64(node) << 8 | UInt64(byte)
      var slot = self.slot(of: key)
      if edges[slot] == Self.empty {
        if (edgeCount + 1) * 2 > edges.count {
          grow()
          slot = self.slot(of: key)
        }
        edges[slot] = key
        targets[slot] = UInt32(values.count)
        edgeCount += 1
        values.append(-1)
      }
      node = targets[slot]
    }
    if node != 0 { values[Int(node)] = value }
  }

  private mutating func grow() {
    let old = (edges, targets)
    edges = [UInt64](repeating: Self.empty, count: old.0.count * 2)
    targets = [UInt32](repeating: 0, count: old.0.count * 2)
    for (key, target) in zip(old.0, old.1) where key != Self.empty {
      let slot = self.slot(of: key)
      edges[slot] = key
      targets[slot] = target
    }
  }

  @inline(__always)
  private func slot(of key: UInt64) -> Int {
    let mask = edges.count - 1
    var slot = Int(truncatingIfNeeded: ByteHash.mix(key)) & mask
    while edges[slot] != Self.empty, edges[slot] != key { slot = (slot + 1) & mask }
    return slot
  }

  /// Gives the length and the value of each entry that stands at a place in the text, the shortest first.
  @inline(__always)
  func forEachPrefix(
    of text: UnsafeBufferPointer<UInt8>, from start: Int, _ body: (_ length: Int, _ value: Int32) -> Void
  ) {
    var node: UInt32 = 0
    var position = start
    while position < text.count {
      let slot = self.slot(of: UInt64(node) << 8 | UInt64(text[position]))
      guard edges[slot] != Self.empty else { return }
      node = targets[slot]
      position += 1
      let value = values[Int(node)]
      if value >= 0 { body(position - start, value) }
    }
  }

  /// The longest entry that stands at a place in the text.
  func longestPrefix(of text: UnsafeBufferPointer<UInt8>, from start: Int) -> (length: Int, value: Int32)? {
    var longest: (length: Int, value: Int32)?
    forEachPrefix(of: text, from: start) { longest = ($0, $1) }
    return longest
  }
}
