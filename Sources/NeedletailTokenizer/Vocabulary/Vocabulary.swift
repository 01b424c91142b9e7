/// Token texts and their ids: a hash table over one arena of bytes.
///
/// Texts are told apart by their bytes. Looking one up takes no allocation, which matters to encoding, and filling
/// the table takes some 50 ns a token, which matters to starting up.
struct Vocabulary: Sendable {
  /// Ids at or above this are refused: they would only make the table by id absurdly large.
  static let maximumID = 1 << 24

  private var arena: [UInt8] = []
  private var entries: [Entry] = []
  /// 0 for an empty slot, otherwise the high half of the hash and the number of the entry, counted from 1.
  private var slots: [UInt64]
  /// The entry of an id, or -1.
  private var entryOfID: [Int32] = []

  private struct Entry {
    var start: UInt32
    var length: UInt32
    var id: Int32
  }

  init(capacity: Int = 0) {
    slots = [UInt64](repeating: 0, count: Self.slotCount(for: capacity))
    entries.reserveCapacity(capacity)
    entryOfID.reserveCapacity(capacity)
    arena.reserveCapacity(capacity * 8)
  }

  private static func slotCount(for capacity: Int) -> Int {
    var count = 16
    while count < capacity * 2 { count *= 2 }
    return count
  }

  /// The number of texts.
  var count: Int { entries.count }
  /// One more than the largest id.
  var idCount: Int { entryOfID.count }

  /// Adds a token; the last of equal texts stays.
  mutating func insert(_ text: String, id: Int) throws {
    guard id >= 0, id < Self.maximumID else { throw TokenizerError("the tokenizer has a token with the id \(id)") }
    var text = text
    text.withUTF8 { insert($0, id: Int32(id)) }
  }

  private mutating func insert(_ text: UnsafeBufferPointer<UInt8>, id: Int32) {
    if (entries.count + 1) * 2 > slots.count { grow() }
    let hash = ByteHash.hash(text)
    let slot = self.slot(of: text, hash: hash)
    let entry: Int
    if slots[slot] == 0 {
      entry = entries.count
      entries.append(Entry(start: UInt32(arena.count), length: UInt32(text.count), id: id))
      arena.append(contentsOf: text)
      slots[slot] = (hash >> 32) << 32 | UInt64(entry + 1)
    } else {
      entry = Int(slots[slot] & 0xFFFF_FFFF) - 1
      entries[entry].id = id
    }
    while entryOfID.count <= Int(id) { entryOfID.append(-1) }
    entryOfID[Int(id)] = Int32(entry)
  }

  private mutating func grow() {
    var larger = [UInt64](repeating: 0, count: slots.count * 2)
    let mask = larger.count - 1
    for (number, entry) in entries.enumerated() {
      let hash = arena.withUnsafeBufferPointer { ByteHash.hash(Self.text(entry, in: $0)) }
      var slot = Int(truncatingIfNeeded: hash) & mask
      while larger[slot] != 0 { slot = (slot + 1) & mask }
      larger[slot] = (hash >> 32) << 32 | UInt64(number + 1)
    }
    slots = larger
  }

  private static func text(
    _ entry: Entry, in arena: UnsafeBufferPointer<UInt8>
  ) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: arena[Int(entry.start)..<Int(entry.start) + Int(entry.length)])
  }

  /// The slot that holds a text, or the empty one where it would stand.
  @inline(__always)
  private func slot(of text: UnsafeBufferPointer<UInt8>, hash: UInt64) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      if slots[slot] >> 32 == hash >> 32 {
        let entry = entries[Int(slots[slot] & 0xFFFF_FFFF) - 1]
        if Int(entry.length) == text.count,
          arena.withUnsafeBufferPointer({ ByteHash.equal(Self.text(entry, in: $0), text) })
        {
          return slot
        }
      }
      slot = (slot + 1) & mask
    }
    return slot
  }

  /// The id of a text.
  func id(of text: UnsafeBufferPointer<UInt8>) -> Int32? {
    let slot = slot(of: text, hash: ByteHash.hash(text))
    return slots[slot] == 0 ? nil : entries[Int(slots[slot] & 0xFFFF_FFFF) - 1].id
  }

  /// The id of a text.
  func id(of text: String) -> Int32? {
    var text = text
    return text.withUTF8 { id(of: $0) }
  }

  /// The id of a text.
  func id(of text: [UInt8]) -> Int32? { text.withUnsafeBufferPointer { id(of: $0) } }

  /// Gives the bytes of a token's text, or returns nil outside the vocabulary.
  func withText<R>(of id: Int32, _ body: (UnsafeBufferPointer<UInt8>) throws -> R) rethrows -> R? {
    guard id >= 0, Int(id) < entryOfID.count, entryOfID[Int(id)] >= 0 else { return nil }
    let entry = entries[Int(entryOfID[Int(id)])]
    return try arena.withUnsafeBufferPointer { try body(Self.text(entry, in: $0)) }
  }

  /// The bytes of a token's text.
  func text(of id: Int32) -> [UInt8]? { withText(of: id) { Array($0) } }
}

/// A hash of bytes that is quick on the few bytes of a word.
enum ByteHash {
  @inline(__always)
  static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    let raw = UnsafeRawBufferPointer(bytes)
    var hash = UInt64(truncatingIfNeeded: bytes.count) &* 0x9E37_79B9_7F4A_7C15
    var offset = 0
    while offset + 8 <= raw.count {
      hash = mix(hash ^ raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset += 8
    }
    var tail: UInt64 = 0
    while offset < raw.count {
      tail = tail << 8 | UInt64(raw[offset])
      offset += 1
    }
    return mix(hash ^ tail)
  }

  @inline(__always)
  static func mix(_ value: UInt64) -> UInt64 {
    let product = (value ^ 0x2545_F491_4F6C_DD1D).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    return product.high ^ product.low
  }

  @inline(__always)
  static func equal(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Bool {
    guard a.count == b.count else { return false }
    for index in 0..<a.count where a[index] != b[index] { return false }
    return true
  }
}
