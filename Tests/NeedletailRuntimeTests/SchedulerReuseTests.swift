import NeedletailRuntime
import Testing

@Suite struct SchedulerReuseTests {
  private let prompt = (0..<11).map { Int32($0) }

  @Test func finishedRequestsLeaveTheirBlocks() throws {
    let driver = Driver(limits(blockSize: 4))
    try driver.add(1, prompt, generate: 6)
    while driver.run() != nil {}
    #expect(driver.scheduler.cache.pool.freeCount == 64 && driver.scheduler.cache.pool.idleCount == 4)
    // The answer was 100 at every place; with its first five tokens 16 are in the cache.
    try driver.add(2, prompt + [100, 100, 7], generate: 1)
    #expect(driver.run()?.summary == ["2: 12..<14 draws"])
    try driver.add(3, Array(prompt.prefix(9)) + [99], generate: 1)
    #expect(driver.run()?.summary == ["3: 8..<10 draws"])
    try driver.add(4, [1] + prompt, generate: 1)
    #expect(driver.run()?.summary == ["4: 0..<12 draws"])
  }

  @Test func oneTokenIsAlwaysComputed() throws {
    let driver = Driver(limits(blockSize: 4))
    try driver.add(1, Array(prompt.prefix(8)), generate: 1)
    _ = driver.run()
    try driver.add(2, Array(prompt.prefix(8)), generate: 1)
    #expect(driver.run()?.summary == ["2: 4..<8 draws"])
    try driver.add(3, Array(prompt.prefix(9)), generate: 1)
    #expect(driver.run()?.summary == ["3: 8..<9 draws"])
  }

  @Test func scoredPositionsAreComputed() throws {
    let driver = Driver(limits(rows: 16, blockSize: 2))
    try driver.add(1, prompt, generate: 1)
    _ = driver.run()
    try driver.add(2, prompt, generate: 0, scored: 5..<8)
    #expect(driver.run()?.summary == ["2: 4..<11"])
    try driver.add(3, prompt, generate: 0, scored: 0..<11)
    #expect(driver.run()?.summary == ["3: 0..<11"])
  }

  @Test func runningRequestsShareWhatTheyHaveComputed() throws {
    let driver = Driver(limits(blockSize: 4))
    try driver.add(1, prompt, generate: 9)
    try driver.add(2, prompt, generate: 9)
    // The second one waits a step instead of computing the same beside the first.
    #expect(driver.run()?.summary == ["1: 0..<11 draws"])
    let step = try #require(driver.run())
    #expect(step.summary == ["1: 11..<12 draws", "2: 8..<11 draws"])
    let blocks = step.chunks.map { Array(driver.scheduler.cache.blocks(of: $0.slot).prefix(2)) }
    #expect(blocks[0] == blocks[1])
    #expect(driver.scheduler.reusedCount(of: step.chunks[1].slot) == 8)
  }

  @Test func saltsAndGroupsKeepApart() throws {
    let driver = Driver(limits(blockSize: 4))
    let roots: [PrefixRoot?] = [.shared(salt: "a"), .shared(salt: "b"), .group(RequestID(1)), nil, .shared(salt: "")]
    for (index, root) in roots.enumerated() {
      try driver.add(UInt64(index) + 1, prompt, root: root, generate: 1)
      #expect(driver.run()?.summary == ["\(index + 1): 0..<11 draws"])
    }
    try driver.add(9, prompt, root: .shared(salt: "b"), generate: 1)
    #expect(driver.run()?.summary == ["9: 8..<11 draws"])
  }

  @Test func givesUpWhatWasUsedLongestAgo() throws {
    let driver = Driver(limits(blockSize: 4, blocks: 6))
    try driver.add(1, Array(prompt.prefix(9)), generate: 1)  // blocks 0-3 and 4-7 stay
    _ = driver.run()
    try driver.add(2, (20..<29).map { Int32($0) }, generate: 1)  // two more
    _ = driver.run()
    try driver.add(3, Array(prompt.prefix(9)), generate: 1)  // the first two are used again
    #expect(driver.run()?.summary == ["3: 8..<9 draws"])
    #expect(driver.scheduler.cache.pool.idleCount == 4)
    try driver.add(4, (40..<51).map { Int32($0) }, generate: 1)  // takes two empty ones and one idle one
    _ = driver.run()
    try driver.add(5, Array(prompt.prefix(9)), generate: 1)
    #expect(driver.run()?.summary == ["5: 8..<9 draws"])
    try driver.add(6, (20..<29).map { Int32($0) }, generate: 1)  // its end was given up, its beginning was not
    #expect(driver.run()?.summary == ["6: 4..<9 draws"])
  }

  @Test func fullCachesPreemptTheLatest() throws {
    let driver = Driver(limits(blockSize: 4, blocks: 6))
    try driver.add(1, Array(prompt.prefix(7)), generate: 12)
    try driver.add(2, (20..<27).map { Int32($0) }, generate: 12)
    #expect(driver.run()?.summary == ["1: 0..<7 draws", "2: 0..<7 draws"])
    for _ in 0..<5 { #expect(driver.run()?.chunks.count == 2) }
    // Both have 3 blocks; the first needs a fourth.
    #expect(driver.run()?.summary == ["1: 12..<13 draws"])
    #expect(driver.scheduler.preemptionCount == 1)
    #expect(driver.scheduler.phase(of: RequestID(2)) == .waiting)
    for _ in 0..<4 { #expect(driver.run()?.chunks.count == 1) }
    // It has waited long enough for its blocks but the first to be given away.
    #expect(driver.run()?.summary.first == "1: 17..<18 draws")
    var chunks: [String] = []
    while let step = driver.run() { chunks += step.summary }
    #expect(chunks.first == "2: 4..<13 draws" && chunks.last == "2: 17..<18 draws")
  }

  @Test func urgentRequestsTakeTheBlocksOfOthers() throws {
    let driver = Driver(limits(sequences: 2, blockSize: 4, blocks: 8))
    try driver.add(1, Array(prompt.prefix(7)), generate: 9, priority: 1)
    try driver.add(2, (20..<27).map { Int32($0) }, generate: 9, priority: 2)
    _ = driver.run()
    try driver.add(3, (40..<47).map { Int32($0) }, generate: 2, priority: 2)
    #expect(driver.run()?.chunks.map(\.id.rawValue) == [1, 2])
    try driver.add(4, (60..<67).map { Int32($0) }, generate: 2, priority: 0)
    #expect(driver.run()?.summary == ["1: 8..<9 draws", "4: 0..<7 draws"])
    #expect(driver.run()?.summary == ["4: 7..<8 draws", "1: 9..<10 draws"])
    // What it had computed is still there.
    #expect(driver.run()?.summary == ["1: 10..<11 draws", "2: 8..<9 draws"])
  }

  /// Answers that end long before they must: room set aside for all they might be would let few run at once.
  @Test func admittingForThePromptAloneTakesFewerSteps() throws {
    var steps: [CapacityPolicy: Int] = [:]
    for policy in CapacityPolicy.allCases {
      let driver = Driver(
        limits(tokens: 512, sequences: 32, rows: 32, length: 1024, blockSize: 16, blocks: 200, policy: policy))
      for id in 1...64 { try driver.add(UInt64(id), prompt: 128, generate: 512) }
      var drawn: [RequestID: Int] = [:]
      while let step = driver.next() {
        steps[policy, default: 0] += 1
        let outcomes = step.chunks.map { chunk -> Step.Outcome in
          if chunk.sampled.isEmpty { return .advanced }
          drawn[chunk.id, default: 0] += 1
          return drawn[chunk.id] == 40 + Int(chunk.id.rawValue) % 32 ? .finished : .accepted(1)
        }
        driver.scheduler.complete(step, outcomes, drawn: Array(repeating: 5, count: step.rowCount))
      }
      #expect(driver.scheduler.isIdle && drawn.count == 64)
    }
    let (sparing, full) = (steps[.guaranteedNoEvict] ?? 0, steps[.maxUtilization] ?? 0)
    #expect(full * 2 < sparing, "\(full) and \(sparing) steps")
  }
}
