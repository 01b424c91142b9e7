/// Which blocks of the paged cache hold which positions of which sequence.
///
///     var cache = KVCache(blockCount: 64, blockSize: 16, maximumSequences: 8)
///     if cache.open(0, reservingTokens: 100) {     // sequence 0 will get 7 blocks, whatever others do
///       cache.extend(0, to: 40)                    // 3 of them are its own now
///       cache.truncate(0, to: 30)                  // a suffix is dropped: 2 are left
///       cache.close(0)
///     }
///
/// A pure value; the keys and values are the executor's. Sequences are small integers chosen by the caller. Opening,
/// extending and closing take time linear in the blocks they move. Full blocks whose tokens are told (`publish`, `close`)
/// are found again by `prefix(of:)` until they are needed for something else.
public struct KVCache: Sendable {
  /// The blocks of one sequence.
  struct Table: Sendable {
    var isOpen = false
    /// In the order of positions.
    var blocks: [Int32] = []
    /// Positions that have a slot.
    var tokenCount = 0
    /// Blocks set aside and not taken yet.
    var reservedBlocks = 0
    /// Leading blocks that other sequences may hold too: they are full, and never written again.
    var sharedBlocks = 0
    /// Whether all shared blocks are those of the tree, so that the next full one can be added behind them.
    var isPublishing = true
  }

  /// Tokens in a block.
  public let blockSize: Int
  /// Free blocks and reference counts.
  public internal(set) var pool: BlockPool
  /// One for each sequence that can be open at the same time.
  var tables: [Table]
  /// Full blocks by what they hold.
  var tree: PrefixTree

  /// An empty cache for sequences `0 ..< maximumSequences`.
  public init(blockCount: Int, blockSize: Int, maximumSequences: Int) {
    precondition(blockSize > 0, "block size: \(blockSize)")
    precondition(maximumSequences > 0, "maximum sequences: \(maximumSequences)")
    self.blockSize = blockSize
    pool = BlockPool(count: blockCount)
    tables = Array(repeating: Table(), count: maximumSequences)
    tree = PrefixTree(blockCount: blockCount)
  }

  /// Blocks that hold `tokens` tokens.
  public func blocks(forTokens tokens: Int) -> Int { (tokens + blockSize - 1) / blockSize }

  /// Begins a sequence and sets blocks aside for `tokens` tokens; false, and nothing changed, when too few are left.
  /// - Parameters:
  ///   - prefix: full blocks, in use or idle, that hold the sequence's first tokens already; they are shared from now on.
  ///   - headroom: blocks that must stay available to others.
  public mutating func open(
    _ sequence: Int, reservingTokens tokens: Int, prefix: [Int32] = [], headroom: Int = 0
  ) -> Bool {
    precondition(!tables[sequence].isOpen, "sequence \(sequence) is open")
    let needed = blocks(forTokens: tokens) - prefix.count
    precondition(needed >= 0, "a prefix of \(prefix.count) blocks for \(tokens) tokens")
    let idle = prefix.count { pool.references[Int($0)] == 0 }
    guard needed + idle + headroom <= pool.availableCount, pool.reserve(needed) else { return false }
    for block in prefix { pool.retain(block) }
    tables[sequence] = Table(
      isOpen: true, blocks: prefix, tokenCount: prefix.count * blockSize, reservedBlocks: needed,
      sharedBlocks: prefix.count, isPublishing: prefix.allSatisfy(tree.contains))
    return true
  }

  /// Gives positions up to `tokenCount` a slot, from the sequence's reservation. Traps when that does not suffice.
  public mutating func extend(_ sequence: Int, to tokenCount: Int) {
    precondition(tables[sequence].isOpen, "sequence \(sequence) is not open")
    precondition(tokenCount >= tables[sequence].tokenCount, "extend to \(tokenCount), truncate drops tokens")
    let needed = blocks(forTokens: tokenCount) - tables[sequence].blocks.count
    precondition(
      needed <= tables[sequence].reservedBlocks,
      "sequence \(sequence) needs \(needed) blocks and has reserved \(tables[sequence].reservedBlocks)")
    tables[sequence].tokenCount = tokenCount
    guard needed > 0 else { return }
    tables[sequence].reservedBlocks -= needed
    for _ in 0..<needed {
      let (block, wasIdle) = pool.takeReserved()
      if wasIdle { tree.remove(block) }
      tables[sequence].blocks.append(block)
    }
  }

  /// As `extend`, and reserves blocks that are missing; false, and nothing changed, when there are not as many.
  public mutating func grow(_ sequence: Int, to tokenCount: Int) -> Bool {
    let missing = blocks(forTokens: tokenCount) - tables[sequence].blocks.count - tables[sequence].reservedBlocks
    if missing > 0 {
      guard pool.reserve(missing) else { return false }
      tables[sequence].reservedBlocks += missing
    }
    extend(sequence, to: tokenCount)
    return true
  }

  /// Drops the positions from `tokenCount` on; blocks that become free stay reserved for the sequence. Blocks that are
  /// shared cannot be dropped.
  public mutating func truncate(_ sequence: Int, to tokenCount: Int) {
    precondition(tables[sequence].isOpen, "sequence \(sequence) is not open")
    precondition(
      tokenCount <= tables[sequence].tokenCount && tokenCount >= tables[sequence].sharedBlocks * blockSize,
      "truncate to \(tokenCount) of \(tables[sequence].tokenCount) tokens")
    tables[sequence].tokenCount = tokenCount
    while tables[sequence].blocks.count > blocks(forTokens: tokenCount) {
      // Nobody shares a block that is not full, or was full and has been cut, so it is free now.
      let isFree = pool.release(tables[sequence].blocks.removeLast())
      precondition(isFree && pool.reserve(1), "a dropped block of sequence \(sequence) is shared")
      tables[sequence].reservedBlocks += 1
    }
  }

  /// Ends a sequence: its reservation and its references are given back.
  public mutating func close(_ sequence: Int) {
    precondition(tables[sequence].isOpen, "sequence \(sequence) is not open")
    pool.cancelReservation(tables[sequence].reservedBlocks)
    // The last block first, so that the next sequence takes the first block first, and idle blocks end before those
    // that they follow.
    for block in tables[sequence].blocks.reversed() { pool.release(block, keeps: tree.contains(block)) }
    tables[sequence] = Table()
  }
}
