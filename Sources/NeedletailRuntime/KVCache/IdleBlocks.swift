/// Blocks that nobody holds and the prefix tree keeps, the one longest out of use first.
///
/// A list through two arrays, so that a block is added, taken out or moved to the end in constant time.
struct IdleBlocks: Sendable {
  private static let none: Int32 = -1
  private var next: [Int32]
  private var previous: [Int32]
  private(set) var first: Int32?
  private var last: Int32?
  private(set) var count = 0
  private var isListed: [Bool]

  /// A list that may hold any of the blocks `0 ..< blockCount`.
  init(blockCount: Int) {
    next = Array(repeating: Self.none, count: blockCount)
    previous = next
    isListed = Array(repeating: false, count: blockCount)
  }

  func contains(_ block: Int32) -> Bool { isListed[Int(block)] }

  /// The blocks in order.
  var blocks: [Int32] {
    var (blocks, block): ([Int32], Int32?) = ([], first)
    while let current = block {
      blocks.append(current)
      block = next[Int(current)] == Self.none ? nil : next[Int(current)]
    }
    return blocks
  }

  mutating func append(_ block: Int32) {
    let index = Int(block)
    precondition(!isListed[index], "block \(block) is idle twice")
    isListed[index] = true
    previous[index] = last ?? Self.none
    next[index] = Self.none
    if let last { next[Int(last)] = block } else { first = block }
    last = block
    count += 1
  }

  mutating func remove(_ block: Int32) {
    let index = Int(block)
    precondition(isListed[index], "block \(block) is not idle")
    isListed[index] = false
    let (before, after) = (previous[index], next[index])
    if before == Self.none { first = after == Self.none ? nil : after } else { next[Int(before)] = after }
    if after == Self.none { last = before == Self.none ? nil : before } else { previous[Int(after)] = before }
    count -= 1
  }
}
