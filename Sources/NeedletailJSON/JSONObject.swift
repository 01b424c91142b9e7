/// The members of a JSON object in the order in which they were written.
///
/// Keys are told apart by their bytes, not by canonical equivalence. Looking a key up takes constant time from 16
/// members on and a linear scan below.
public struct JSONObject: Sendable {
  /// The members, each key once.
  public private(set) var members: [(key: String, value: JSON)]
  /// Open addressing over the members' positions, -1 where free; empty below `indexThreshold` members. A power of two
  /// of at least twice the members.
  private var slots: [Int32] = []
  private static let indexThreshold = 16

  /// Makes an object; the last of equal keys stays, at the place of the first.
  public init(_ members: [(String, JSON)] = []) {
    self.members = []
    self.members.reserveCapacity(members.count)
    if members.count >= Self.indexThreshold { reindex(for: members.count) }
    for (key, value) in members { self[key] = value }
  }

  /// The number of members.
  public var count: Int { members.count }
  /// The keys in order.
  public var keys: [String] { members.map(\.key) }

  /// The value of a key; setting nil removes it.
  public subscript(key: String) -> JSON? {
    get {
      let (position, _) = find(key)
      return position.map { members[$0].value }
    }
    set {
      let (position, slot) = find(key)
      switch (position, newValue) {
      case (let position?, let value?): members[position].value = value
      case (let position?, nil):
        members.remove(at: position)
        reindex(for: members.count)
      case (nil, let value?):
        members.append((key, value))
        if slots.count >= 2 * members.count {
          slots[slot] = Int32(members.count - 1)
        } else if members.count >= Self.indexThreshold {
          reindex(for: 2 * members.count)
        }
      case (nil, nil): break
      }
    }
  }

  /// Where a member of a key stands, and the slot that holds its position or is free for it.
  private func find(_ key: String) -> (position: Int?, slot: Int) {
    guard !slots.isEmpty else { return (members.firstIndex { $0.key.isIdentical(to: key) }, 0) }
    let mask = slots.count - 1
    var slot = key.exactHash & mask
    while slots[slot] >= 0 {
      let position = Int(slots[slot])
      if members[position].key.isIdentical(to: key) { return (position, slot) }
      slot = (slot + 1) & mask
    }
    return (nil, slot)
  }

  /// Makes slots for a number of members and enters those there are.
  private mutating func reindex(for count: Int) {
    slots = []
    guard count >= Self.indexThreshold else { return }
    var size = 2 * Self.indexThreshold
    while size < 2 * count { size *= 2 }
    slots = Array(repeating: -1, count: size)
    for (position, member) in members.enumerated() { slots[find(member.key).slot] = Int32(position) }
  }
}

// String's own equality holds canonically equivalent texts for one, a vocabulary does not.
extension String {
  /// Whether two texts have the same bytes.
  fileprivate func isIdentical(to other: String) -> Bool {
    utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
  }

  /// A hash of the bytes, seeded anew in each process.
  fileprivate var exactHash: Int {
    var text = self
    var hasher = Hasher()
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    return hasher.finalize()
  }
}

extension JSONObject: Hashable, Sequence {
  /// Objects are equal when they have the same members, in any order.
  public static func == (a: JSONObject, b: JSONObject) -> Bool {
    a.count == b.count && a.members.allSatisfy { b[$0.key] == $0.value }
  }
  /// Hashes the members without regard to their order.
  public func hash(into hasher: inout Hasher) {
    var combined = 0
    for member in members {
      var one = Hasher()
      one.combine(member.key)
      one.combine(member.value)
      combined ^= one.finalize()
    }
    hasher.combine(combined)
  }
  /// Iterates over the members in order.
  public func makeIterator() -> IndexingIterator<[(key: String, value: JSON)]> { members.makeIterator() }
}
