/// The tokens of words met before. Text repeats its words, and merging one takes ten times as long as finding it here.
struct WordCache {
  private static let maximumWordLength = 128
  private static let maximumCount = 1 << 16
  private static let maximumBytes = 1 << 21

  private struct Slot {
    var hash: UInt64 = 0
    var wordStart: UInt32 = 0
    /// 0 for an empty slot.
    var wordLength: UInt32 = 0
    var idStart: UInt32 = 0
    var idCount: UInt32 = 0
  }

  private var slots = [Slot](repeating: Slot(), count: 256)
  private var count = 0
  private var words: [UInt8] = []
  private var ids: [Int32] = []

  /// Appends the ids of a word: those kept, or else what `make` appends, which is kept.
  @inline(__always)
  mutating func append(
    _ word: UnsafeBufferPointer<UInt8>, to output: inout [Int32], make: (inout [Int32]) -> Void
  ) {
    guard word.count <= Self.maximumWordLength, word.count > 0 else { return make(&output) }
    let hash = ByteHash.hash(word)
    var slot = slot(of: word, hash)
    if slots[slot].wordLength > 0 {
      let first = Int(slots[slot].idStart)
      for index in first..<first + Int(slots[slot].idCount) { output.append(ids[index]) }
      return
    }
    let before = output.count
    make(&output)
    if (count + 1) * 2 > slots.count || words.count > Self.maximumBytes {
      grow()
      slot = self.slot(of: word, hash)
    }
    slots[slot] = Slot(
      hash: hash, wordStart: UInt32(words.count), wordLength: UInt32(word.count), idStart: UInt32(ids.count),
      idCount: UInt32(output.count - before))
    count += 1
    words.append(contentsOf: word)
    ids.append(contentsOf: output[before...])
  }

  @inline(__always)
  private func slot(of word: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot].wordLength > 0 {
      if slots[slot].hash == hash, Int(slots[slot].wordLength) == word.count, isEqual(slots[slot], word) { break }
      slot = (slot + 1) & mask
    }
    return slot
  }

  @inline(__always)
  private func isEqual(_ slot: Slot, _ word: UnsafeBufferPointer<UInt8>) -> Bool {
    let start = Int(slot.wordStart)
    for index in 0..<word.count where words[start + index] != word[index] { return false }
    return true
  }

  /// Makes room, by forgetting everything once the bounds are reached.
  private mutating func grow() {
    guard count < Self.maximumCount, words.count <= Self.maximumBytes else {
      self = WordCache()
      return
    }
    let old = slots
    slots = [Slot](repeating: Slot(), count: old.count * 2)
    let mask = slots.count - 1
    for entry in old where entry.wordLength > 0 {
      var slot = Int(truncatingIfNeeded: entry.hash) & mask
      while slots[slot].wordLength > 0 { slot = (slot + 1) & mask }
      slots[slot] = entry
    }
  }
}
