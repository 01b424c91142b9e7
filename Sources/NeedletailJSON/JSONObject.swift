/// The members of a JSON object in the order in which they were written.
///
/// Keys are told apart by their bytes, not by canonical equivalence. Looking a key up takes constant time from 16
/// members on and a linear scan below.
public struct JSONObject: Sendable {
  /// The members, each key once.
  public private(set) var members: [(key: String, value: JSON)]
  private var index: [ExactKey: Int] = [:]
  private static let indexThreshold = 16

  /// Makes an object; the last of equal keys stays, at the place of the first.
  public init(_ members: [(String, JSON)] = []) {
    self.members = []
    self.members.reserveCapacity(members.count)
    if members.count >= Self.indexThreshold { index.reserveCapacity(members.count) }
    for (key, value) in members { self[key] = value }
  }

  /// The number of members.
  public var count: Int { members.count }
  /// The keys in order.
  public var keys: [String] { members.map(\.key) }

  /// The value of a key; setting nil removes it.
  public subscript(key: String) -> JSON? {
    get { position(of: key).map { members[$0].value } }
    set {
      switch (position(of: key), newValue) {
      case (let position?, let value?): members[position].value = value
      case (let position?, nil):
        members.remove(at: position)
        reindex()
      case (nil, let value?):
        members.append((key, value))
        if members.count == Self.indexThreshold {
          reindex()
        } else if members.count > Self.indexThreshold {
          index[ExactKey(key)] = members.count - 1
        }
      case (nil, nil): break
      }
    }
  }

  private func position(of key: String) -> Int? {
    members.count < Self.indexThreshold
      ? members.firstIndex { ExactKey($0.key) == ExactKey(key) } : index[ExactKey(key)]
  }

  private mutating func reindex() {
    index.removeAll(keepingCapacity: true)
    guard members.count >= Self.indexThreshold else { return }
    for (position, member) in members.enumerated() { index[ExactKey(member.key)] = position }
  }
}

/// A key compared by its bytes: String's own equality holds canonically equivalent texts for one, a vocabulary does not.
private struct ExactKey: Hashable {
  let text: String
  init(_ text: String) { self.text = text }
  static func == (a: ExactKey, b: ExactKey) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }
  func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
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
