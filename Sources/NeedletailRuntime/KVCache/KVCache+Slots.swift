extension KVCache {
  /// Positions of the sequence that have a slot; 0 when it is not open.
  public func tokenCount(of sequence: Int) -> Int { tables[sequence].tokenCount }

  /// The sequence's blocks in the order of its positions.
  public func blocks(of sequence: Int) -> [Int32] { tables[sequence].blocks }

  /// The block and offset of a position as one number: block x block size + offset.
  public func slot(of sequence: Int, position: Int) -> Int64 {
    precondition(
      position >= 0 && position < tables[sequence].tokenCount,
      "position \(position) of \(tables[sequence].tokenCount) in sequence \(sequence)")
    let block = Int64(tables[sequence].blocks[position / blockSize])
    return block * Int64(blockSize) + Int64(position % blockSize)
  }

  /// Appends the slots of `positions` in order.
  public func appendSlots(of sequence: Int, positions: Range<Int>, to slots: inout [Int64]) {
    guard !positions.isEmpty else { return }
    precondition(
      positions.lowerBound >= 0 && positions.upperBound <= tables[sequence].tokenCount,
      "positions \(positions) of \(tables[sequence].tokenCount) in sequence \(sequence)")
    var position = positions.lowerBound
    while position < positions.upperBound {
      let start = Int64(tables[sequence].blocks[position / blockSize]) * Int64(blockSize)
      let offset = position % blockSize
      let count = min(blockSize - offset, positions.upperBound - position)
      for offset in offset..<offset + count { slots.append(start + Int64(offset)) }
      position += count
    }
  }
}

extension KVCache {
  /// Blocks the sequence has.
  public func blockCount(of sequence: Int) -> Int { tables[sequence].blocks.count }

  /// Appends the sequence's blocks, then zeros up to `stride` entries.
  public func appendBlocks(of sequence: Int, stride: Int, to blockTables: inout [Int32]) {
    let blocks = tables[sequence].blocks
    precondition(blocks.count <= stride, "\(blocks.count) blocks in a row of \(stride)")
    blockTables.append(contentsOf: blocks)
    blockTables.append(contentsOf: repeatElement(0, count: stride - blocks.count))
  }
}
