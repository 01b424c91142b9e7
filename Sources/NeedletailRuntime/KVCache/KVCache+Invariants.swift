extension BlockPool {
  /// Traps unless counts and lists agree; time linear in the blocks.
  public func checkInvariants() {
    var isFree = [Bool](repeating: false, count: count)
    let idle = idle.blocks
    precondition(idle.count == idleCount, "\(idle.count) blocks are idle, counted \(idleCount)")
    for block in empty + idle {
      precondition(!isFree[Int(block)], "block \(block) is free twice")
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
  /// Traps unless tables, tree, reference counts and reservations agree; time linear in blocks and tables.
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
      precondition(
        table.sharedBlocks * blockSize <= table.tokenCount, "sequence \(sequence) lost blocks that others share")
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
    checkTree()
  }

  private func checkTree() {
    let parents = tree.parents(blockSize: blockSize)
    for block in pool.empty { precondition(!tree.contains(block), "block \(block) is empty and in the tree") }
    var age: [Int32: Int] = [:]
    for (index, block) in pool.idle.blocks.enumerated() {
      precondition(tree.contains(block), "block \(block) is idle and cannot be found")
      age[block] = index
    }
    for case (let block, let parent?) in parents {
      // Whoever holds a block holds those before it, and of idle ones the last goes first.
      precondition(pool.references[Int(parent)] >= pool.references[Int(block)], "block \(parent) is held less often")
      if let own = age[block], let before = age[parent] {
        precondition(own < before, "block \(parent) would be given up before \(block), which follows it")
      }
    }
    for (sequence, table) in tables.enumerated() where table.isPublishing {
      for (index, block) in table.blocks.prefix(table.sharedBlocks).enumerated() {
        let parent = index == 0 ? nil : table.blocks[index - 1]
        precondition(parents[block] == .some(parent), "block \(block) of sequence \(sequence) follows another")
      }
    }
  }
}
