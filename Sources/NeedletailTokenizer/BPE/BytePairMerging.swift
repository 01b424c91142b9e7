/// A piece of a word on its way to a token.
struct BytePairSymbol {
  /// The token, or -1 for a character that is none.
  var id: Int32
  var start: Int32
  var length: Int32
  /// False for user-defined symbols, which stay whole and alone.
  var isMergeable = true
}

/// What two neighbouring symbols become.
protocol BytePairRule {
  /// The rank of the merge (`.max` where there is none) and its id.
  func merge(_ left: BytePairSymbol, _ right: BytePairSymbol) -> MergeTable.Merge
}

/// Merges neighbours, always the pair of lowest rank and among equals the leftmost, until no pair has a rank.
struct BytePairMerging {
  /// The word: before the call its characters, afterwards its tokens.
  var symbols: [BytePairSymbol] = []
  private var merges: [MergeTable.Merge] = []
  private var links: [Link] = []
  private var heap: [UInt64] = []

  private struct Link {
    var previous: Int32
    var next: Int32
  }

  private static let none = MergeTable.Merge(rank: .max, id: -1)

  mutating func run(_ rule: some BytePairRule) {
    guard symbols.count > 1 else { return }
    merges.removeAll(keepingCapacity: true)
    for index in 1..<symbols.count { merges.append(rule.merge(symbols[index - 1], symbols[index])) }
    merges.append(Self.none)
    if symbols.count <= 64 { runByScanning(rule) } else { runByQueue(rule) }
  }

  /// Quadratic, but faster than a queue on words.
  private mutating func runByScanning(_ rule: some BytePairRule) {
    while true {
      var best = 0
      for index in 1..<merges.count where merges[index].rank < merges[best].rank { best = index }
      guard merges[best].rank != .max else { return }
      symbols[best].id = merges[best].id
      symbols[best].length += symbols[best + 1].length
      symbols.remove(at: best + 1)
      merges.remove(at: best)
      if best + 1 < symbols.count { merges[best] = rule.merge(symbols[best], symbols[best + 1]) }
      if best + 1 == symbols.count { merges[best] = Self.none }
      if best > 0 { merges[best - 1] = rule.merge(symbols[best - 1], symbols[best]) }
    }
  }

  /// A queue of (rank, position) over a linked list; entries that no longer hold are recognised when they come up.
  private mutating func runByQueue(_ rule: some BytePairRule) {
    let count = symbols.count
    links.removeAll(keepingCapacity: true)
    heap.removeAll(keepingCapacity: true)
    for index in 0..<count {
      links.append(Link(previous: Int32(index - 1), next: index + 1 < count ? Int32(index + 1) : -1))
    }
    for index in 0..<count where merges[index].rank != .max { push(index) }
    while let entry = pop() {
      let index = Int(entry & 0xFFFF_FFFF)
      guard symbols[index].length > 0, merges[index].rank == UInt32(entry >> 32), links[index].next >= 0 else {
        continue
      }
      let next = Int(links[index].next)
      symbols[index].id = merges[index].id
      symbols[index].length += symbols[next].length
      symbols[next].length = 0
      merges[next] = Self.none
      links[index].next = links[next].next
      merges[index] = Self.none
      if links[index].next >= 0 {
        links[Int(links[index].next)].previous = Int32(index)
        update(index, rule)
      }
      if links[index].previous >= 0 { update(Int(links[index].previous), rule) }
    }
    symbols.removeAll { $0.length == 0 }
  }

  private mutating func update(_ index: Int, _ rule: some BytePairRule) {
    merges[index] = rule.merge(symbols[index], symbols[Int(links[index].next)])
    if merges[index].rank != .max { push(index) }
  }

  private mutating func push(_ index: Int) {
    heap.append(UInt64(merges[index].rank) << 32 | UInt64(index))
    var child = heap.count - 1
    while child > 0, heap[child] < heap[(child - 1) / 2] {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func pop() -> UInt64? {
    guard let top = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return top }
    heap[0] = last
    var parent = 0
    while true {
      var child = parent * 2 + 1
      guard child < heap.count else { return top }
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      guard heap[child] < heap[parent] else { return top }
      heap.swapAt(child, parent)
      parent = child
    }
  }
}
