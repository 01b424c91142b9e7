extension KVCache {
  /// The blocks that hold the first tokens of a text already, at most `limit` of them. `isPending`: the next one will
  /// hold its tokens once `step` has run, too late for a sequence of the same step.
  public func prefix(
    of tokens: [Int32], _ root: PrefixRoot, limit: Int, step: UInt64
  ) -> (blocks: [Int32], isPending: Bool) {
    var blocks: [Int32] = []
    for index in 0..<max(limit, 0) {
      let own = tokens[index * blockSize..<(index + 1) * blockSize]
      guard let block = tree.block(after: blocks.last, root, own) else { break }
      if tree.isPending(block, in: step) { return (blocks, true) }
      blocks.append(block)
    }
    return (blocks, false)
  }

  /// Blocks that could be found again that were ever added; while it stays the same, so does what `prefix` finds or less.
  public var additionCount: UInt64 { tree.additionCount }

  /// Lets others find the sequence's full blocks. Once another sequence has published a block of the same tokens, the
  /// rest is published when the sequence is closed.
  /// - Parameters:
  ///   - tokens: those of the sequence.
  ///   - end: positions before it are in the cache, or will be when `step` has run.
  public mutating func publish(
    _ sequence: Int, _ tokens: [Int32], _ root: PrefixRoot, upTo end: Int, step: UInt64
  ) {
    while tables[sequence].isPublishing, (tables[sequence].sharedBlocks + 1) * blockSize <= end {
      let index = tables[sequence].sharedBlocks
      let block = tables[sequence].blocks[index]
      let parent = index == 0 ? nil : tables[sequence].blocks[index - 1]
      let own = tokens[index * blockSize..<(index + 1) * blockSize]
      guard tree.block(after: parent, root, own) == nil else {
        tables[sequence].isPublishing = false
        break
      }
      tree.add(block, after: parent, root, own, step: step)
      tables[sequence].sharedBlocks += 1
    }
  }

  /// Ends a sequence and keeps its full blocks for others, as far as there are no others of the same tokens.
  public mutating func close(_ sequence: Int, keeping tokens: [Int32], _ root: PrefixRoot, upTo end: Int) {
    let table = tables[sequence]
    precondition(table.isOpen, "sequence \(sequence) is not open")
    precondition(end <= min(table.tokenCount, tokens.count), "\(end) of \(table.tokenCount) tokens are kept")
    var path: [Int32] = []
    for index in 0..<end / blockSize {
      let block = table.blocks[index]
      guard !tree.contains(block) else {
        path.append(block)
        continue
      }
      let own = tokens[index * blockSize..<(index + 1) * blockSize]
      if let other = tree.block(after: path.last, root, own) {
        path.append(other)
      } else {
        tree.add(block, after: path.last, root, own, step: 0)
        path.append(block)
      }
    }
    close(sequence)
    // What a kept block follows must not be older than it, so that blocks are given up from the ends of texts on.
    for block in path.reversed() { pool.touch(block) }
  }
}
