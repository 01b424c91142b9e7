import Testing

import NeedletailRuntime

extension KVCache {
  // The macros of Testing take no mutating calls.
  fileprivate mutating func mustOpen(_ sequence: Int, reservingTokens tokens: Int, prefix: [Int32] = []) {
    let fits = open(sequence, reservingTokens: tokens, prefix: prefix)
    #expect(fits)
  }

  fileprivate mutating func mustNotOpen(_ sequence: Int, reservingTokens tokens: Int) {
    let fits = open(sequence, reservingTokens: tokens)
    #expect(!fits)
  }
}

@Suite struct KVCacheTests {
  @Test func givesSlotsInOrder() {
    var cache = KVCache(blockCount: 4, blockSize: 3, maximumSequences: 2)
    cache.mustOpen(0, reservingTokens: 7)
    #expect(cache.pool.availableCount == 1)
    #expect(cache.pool.freeCount == 4)
    cache.extend(0, to: 4)
    #expect(cache.blocks(of: 0) == [0, 1])
    var slots: [Int64] = []
    cache.appendSlots(of: 0, positions: 1..<4, to: &slots)
    #expect(slots == [1, 2, 3])
    #expect(cache.slot(of: 0, position: 3) == 3)
    var table: [Int32] = []
    cache.appendBlocks(of: 0, stride: 3, to: &table)
    #expect(table == [0, 1, 0])
    cache.checkInvariants()
  }

  @Test func refusesWhatWasReservedByOthers() {
    var cache = KVCache(blockCount: 4, blockSize: 1, maximumSequences: 3)
    cache.mustOpen(0, reservingTokens: 3)
    cache.mustNotOpen(1, reservingTokens: 2)
    cache.mustOpen(1, reservingTokens: 1)
    cache.close(0)
    cache.mustOpen(2, reservingTokens: 3)
    cache.checkInvariants()
  }

  @Test func keepsTheReservationOfADroppedSuffix() {
    var cache = KVCache(blockCount: 3, blockSize: 2, maximumSequences: 2)
    cache.mustOpen(0, reservingTokens: 6)
    cache.extend(0, to: 6)
    cache.truncate(0, to: 3)
    #expect(cache.blocks(of: 0).count == 2)
    cache.mustNotOpen(1, reservingTokens: 1)
    cache.extend(0, to: 6)
    #expect(cache.tokenCount(of: 0) == 6)
    cache.checkInvariants()
  }

  @Test func sharesAPrefixUntilTheLastHolderIsGone() {
    var cache = KVCache(blockCount: 4, blockSize: 2, maximumSequences: 2)
    cache.mustOpen(0, reservingTokens: 5)
    cache.extend(0, to: 5)
    let prefix = Array(cache.blocks(of: 0).prefix(2))
    cache.mustOpen(1, reservingTokens: 6, prefix: prefix)
    cache.extend(1, to: 6)
    #expect(cache.pool.freeCount == 0)
    #expect(cache.blocks(of: 1).prefix(2) == prefix[...])
    cache.checkInvariants()
    cache.close(0)
    #expect(cache.pool.freeCount == 1)
    cache.checkInvariants()
    cache.close(1)
    #expect(cache.pool.freeCount == 4)
    cache.checkInvariants()
  }

  /// Random openings, growth, cuts and ends keep every count right, and no two sequences share a slot by accident.
  @Test(arguments: [1, 2, 3, 16, 64]) func staysConsistent(blockSize: Int) {
    var random = RandomSource(UInt64(blockSize))
    var cache = KVCache(blockCount: 40, blockSize: blockSize, maximumSequences: 6)
    var reserved: [Int: Int] = [:]
    var shared: [Int: Int] = [:]
    for _ in 0..<3000 {
      let sequence = Int.random(in: 0..<6, using: &random)
      if let limit = reserved[sequence] {
        let count = cache.tokenCount(of: sequence)
        switch Int.random(in: 0..<6, using: &random) {
        case 0:
          cache.close(sequence)
          reserved[sequence] = nil
          shared[sequence] = nil
        case 1: cache.truncate(sequence, to: Int.random(in: (shared[sequence] ?? 0)...count, using: &random))
        default: cache.extend(sequence, to: Int.random(in: count...limit, using: &random))
        }
      } else {
        let tokens = Int.random(in: 1...blockSize * 20, using: &random)
        var prefix: [Int32] = []
        let lender = reserved.keys.min()
        if let other = lender, Bool.random(using: &random) {
          let full = min(cache.tokenCount(of: other), tokens) / blockSize
          prefix = Array(cache.blocks(of: other).prefix(full))
        }
        let available = cache.pool.availableCount
        let fits = cache.open(sequence, reservingTokens: tokens, prefix: prefix)
        #expect(fits == (cache.blocks(forTokens: tokens) - prefix.count <= available))
        if fits {
          reserved[sequence] = tokens
          shared[sequence] = prefix.count * blockSize
          // The lender may not cut what it lent: as if its own prefix were shared.
          if let other = lender, !prefix.isEmpty {
            shared[other] = max(shared[other] ?? 0, prefix.count * blockSize)
          }
        }
      }
      cache.checkInvariants()
    }
  }
}
