extension BlockPool {
  /// Traps unless counts and lists agree; time linear in the blocks.
  public func checkInvariants() {
    var isFree = [Bool](repeating: false, count: count)
    for block in free {
      precondition(!isFree[Int(block)], "block \(block) is in the free list twice")
      isFree[Int(block)] = true
    }
    for (block, references) in references.enumerated() {
      precondition(references >= 0, "block \(block) has \(references) references")
      precondition(
        (references == 0) == isFree[block], "block \(block) has \(references) references and is lost or free")
    }
    precondition(reservedCount >= 0 && reservedCount <= freeCount, "\(reservedCount) of \(freeCount) blocks reserved")
  }
}

extension KVCache {
  /// Traps unless tables, reference counts and reservations agree; time linear in blocks and tables.
  /// - Parameter retained: references held by others than open sequences, for each such block.
  public func checkInvariants(retained: [Int32: Int] = [:]) {
    pool.checkInvariants()
    var references = [Int](repeating: 0, count: pool.count)
    for (block, count) in retained { references[Int(block)] += count }
    var reserved = 0
    for (sequence, table) in tables.enumerated() {
      precondition(
        table.isOpen || (table.blocks.isEmpty && table.reservedBlocks == 0), "closed sequence \(sequence) holds blocks")
      precondition(
        table.blocks.count == blocks(forTokens: table.tokenCount),
        "sequence \(sequence) has \(table.blocks.count) blocks for \(table.tokenCount) tokens")
      precondition(table.sharedBlocks <= table.blocks.count, "sequence \(sequence) lost its prefix")
      precondition(table.reservedBlocks >= 0, "sequence \(sequence) has reserved \(table.reservedBlocks) blocks")
      reserved += table.reservedBlocks
      for block in table.blocks { references[Int(block)] += 1 }
    }
    precondition(
      reserved == pool.reservedCount, "sequences reserved \(reserved), the pool \(pool.reservedCount) blocks")
    for (block, count) in references.enumerated() {
      precondition(
        Int(pool.references[block]) == count, "block \(block): \(pool.references[block]) references, \(count) holders")
    }
  }
}
