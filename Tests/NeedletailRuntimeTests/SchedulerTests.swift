import Testing

import NeedletailRuntime

/// A scheduler with room for everything but what the test is about.
func limits(
  tokens: Int = 64, chunk: Int? = nil, sequences: Int = 8, rows: Int = 8, length: Int = 100, blockSize: Int = 4,
  blocks: Int = 64, inFlight: Int = 1, policy: CapacityPolicy = .maxUtilization
) -> Scheduler.Limits {
  Scheduler.Limits(
    tokensPerStep: tokens, tokensPerPrefillChunk: chunk, maximumSequences: sequences, maximumScoredRows: rows,
    maximumSequenceLength: length, blockSize: blockSize, blockCount: blocks, stepsInFlight: inFlight,
    policy: policy)
}

/// The sentence of the refusal that `body` throws; empty when it throws none.
func refusal(_ body: () throws -> Void) -> String {
  do { try body() } catch { return (error as? RequestRefusal)?.description ?? "\(error) is no refusal" }
  return ""
}

/// A scheduler by reference: the macros of Testing take no mutating calls.
final class Driver {
  var scheduler: Scheduler

  init(_ limits: Scheduler.Limits) { scheduler = Scheduler(limits) }

  func add(
    _ id: UInt64, prompt: Int, generate: Int, priority: Int = 0, scored: Range<Int> = 0..<0, runsAhead: Bool = true
  ) throws {
    try add(
      id, Array(0..<Int32(prompt)), root: nil, generate: generate, priority: priority, scored: scored,
      runsAhead: runsAhead)
  }

  /// A request that shares its prompt with others of the same root.
  func add(
    _ id: UInt64, _ prompt: [Int32], root: PrefixRoot? = .shared(salt: ""), generate: Int, priority: Int = 0,
    scored: Range<Int> = 0..<0, runsAhead: Bool = true
  ) throws {
    try scheduler.enqueue(
      Scheduler.Request(
        id: RequestID(id), promptCount: prompt.count, maximumTokens: generate, priority: priority, scored: scored,
        runsAhead: runsAhead), Scheduler.Text(prompt, root: root))
  }

  func next() -> Step? { scheduler.next() }

  func complete(_ step: Step, _ outcomes: [Step.Outcome]) {
    scheduler.complete(step, outcomes, drawn: (0..<Int32(step.rowCount)).map { 100 + $0 })
    scheduler.checkInvariants()
  }

  /// Runs one step as if each row drew a token; requests with all their tokens end.
  func run() -> Step? {
    guard let step = next() else { return nil }
    complete(step, step.chunks.map(outcome))
    return step
  }

  func outcome(_ chunk: Step.Chunk) -> Step.Outcome {
    guard let request = scheduler.request(of: chunk) else { return .finished }
    if chunk.sampled.isEmpty {
      return request.maximumTokens == 0 && chunk.positions.upperBound == request.promptCount ? .finished : .advanced
    }
    let generated = chunk.sampled.upperBound - request.promptCount + 1
    return generated >= request.maximumTokens ? .finished : .accepted(chunk.sampled.count)
  }

  func preempt(_ id: UInt64) -> Bool {
    defer { scheduler.checkInvariants() }
    return scheduler.preempt(RequestID(id))
  }
}

extension Step {
  /// Request and positions of each chunk.
  var summary: [String] { chunks.map { "\($0.id): \($0.positions)" + ($0.sampled.isEmpty ? "" : " draws") } }
}

@Suite struct SchedulerTests {
  @Test func decodesFirstThenFillsWithPrompts() throws {
    let driver = Driver(limits(tokens: 10))
    try driver.add(1, prompt: 4, generate: 3)
    #expect(driver.run()?.summary == ["1: 0..<4 draws"])
    try driver.add(2, prompt: 12, generate: 2)
    try driver.add(3, prompt: 3, generate: 1)
    #expect(driver.scheduler.phase(of: RequestID(1)) == .decode)
    #expect(driver.scheduler.phase(of: RequestID(2)) == .waiting)
    #expect(driver.run()?.summary == ["1: 4..<5 draws", "2: 0..<9"])
    #expect(driver.scheduler.phase(of: RequestID(2)) == .prefill(computed: 9))
    #expect(driver.run()?.summary == ["1: 5..<6 draws", "2: 9..<12 draws", "3: 0..<3 draws"])
    #expect(driver.run()?.summary == ["2: 12..<13 draws"])
    #expect(driver.run() == nil)
    #expect(driver.scheduler.isIdle)
    #expect(driver.scheduler.cache.pool.freeCount == 64)
  }

  @Test func chunksLimitPromptsOnly() throws {
    let driver = Driver(limits(tokens: 10, chunk: 3))
    try driver.add(1, prompt: 7, generate: 1)
    try driver.add(2, prompt: 4, generate: 1)
    #expect(driver.run()?.summary == ["1: 0..<3", "2: 0..<3"])
    #expect(driver.run()?.summary == ["1: 3..<6", "2: 3..<4 draws"])
    #expect(driver.run()?.summary == ["1: 6..<7 draws"])
  }

  @Test func waitsForBlocksOfPromptAndOutput() throws {
    let driver = Driver(limits(blockSize: 4, blocks: 3, policy: .guaranteedNoEvict))
    try driver.add(1, prompt: 5, generate: 4)  // 8 positions: 2 blocks
    try driver.add(2, prompt: 2, generate: 4)  // 5 positions: 2 blocks
    try driver.add(3, prompt: 1, generate: 1)  // 1 block, but behind request 2
    #expect(driver.run()?.summary == ["1: 0..<5 draws"])
    #expect(driver.scheduler.waitingCount == 2)
    for _ in 0..<3 { #expect(driver.run()?.chunks.count == 1) }
    #expect(driver.run()?.summary == ["2: 0..<2 draws", "3: 0..<1 draws"])
  }

  @Test func lowerPriorityStartsFirst() throws {
    let driver = Driver(limits(sequences: 1))
    try driver.add(1, prompt: 1, generate: 1)
    try driver.add(2, prompt: 1, generate: 1, priority: -5)
    try driver.add(3, prompt: 1, generate: 1, priority: -5)
    try driver.add(4, prompt: 1, generate: 1, priority: -9)
    var order: [UInt64] = []
    while let step = driver.run() { order += step.chunks.map(\.id.rawValue) }
    #expect(order == [4, 2, 3, 1])
  }

  @Test func rowsAreLimited() throws {
    let driver = Driver(limits(rows: 3))
    try driver.add(1, prompt: 8, generate: 2, scored: 2..<8)
    // Rows 2, 3 and 4; the positions before them cost none.
    var step = try #require(driver.run())
    #expect(step.summary == ["1: 0..<5"])
    #expect(step.chunks[0].scored == 2..<5)
    // Row 7 is both scored and sampled.
    step = try #require(driver.run())
    #expect(step.summary == ["1: 5..<8 draws"])
    #expect(step.rowCount == 3)
    #expect(step.chunks[0].firstSampledRow == 2)
  }

  @Test func stopsShortOfARowItCannotHave() throws {
    let driver = Driver(limits(rows: 1))
    try driver.add(1, prompt: 3, generate: 2)
    try driver.add(2, prompt: 3, generate: 1)
    #expect(driver.run()?.summary == ["1: 0..<3 draws", "2: 0..<2"])
    #expect(driver.run()?.summary == ["1: 3..<4 draws"])
    #expect(driver.run()?.summary == ["2: 2..<3 draws"])
  }

  @Test func scoringWithoutOutputEndsWithThePrompt() throws {
    let driver = Driver(limits(tokens: 5))
    try driver.add(1, prompt: 8, generate: 0, scored: 0..<8)
    #expect(driver.run()?.summary == ["1: 0..<5"])
    #expect(driver.run()?.summary == ["1: 5..<8"])
    #expect(driver.scheduler.isIdle)
  }

  @Test func refusesWhatCanNeverRun() throws {
    let driver = Driver(limits(length: 20, blockSize: 4, blocks: 4))
    let cases = [
      (0, 1, "no tokens"), (20, 1, "20 tokens"), (12, 9, "12 tokens"), (14, 4, "never fit the cache"),
    ]
    for (prompt, generate, words) in cases {
      let sentence = refusal { try driver.add(1, prompt: prompt, generate: generate) }
      #expect(sentence.contains(words))
    }
    #expect(driver.scheduler.isIdle)
    try driver.add(1, prompt: 13, generate: 4)
  }

  @Test func runsAheadOfUnknownTokens() throws {
    let driver = Driver(limits(inFlight: 2))
    try driver.add(1, prompt: 3, generate: 3)
    try driver.add(2, prompt: 2, generate: 3, runsAhead: false)
    let first = try #require(driver.next())
    #expect(first.chunks.map(\.carriedRow) == [nil, nil])
    let second = try #require(driver.next())
    #expect(second.summary == ["1: 3..<4 draws"])
    #expect(second.chunks[0].carriedRow == 0)
    #expect(driver.next() == nil)
    driver.complete(first, [.accepted(1), .accepted(1)])
    let third = try #require(driver.next())
    #expect(third.summary == ["1: 4..<5 draws", "2: 2..<3 draws"])
    #expect(third.chunks.map(\.carriedRow) == [0, nil])
    // Request 1 stopped at its second token: its third row is surplus.
    driver.complete(second, [.finished])
    #expect(!driver.scheduler.isCurrent(third.chunks[0]))
    #expect(driver.next() == nil)
    driver.complete(third, [.finished, .accepted(1)])
    #expect(driver.run()?.summary == ["2: 3..<4 draws"])
    #expect(driver.scheduler.isIdle)
  }

  @Test func verifiesDraftsAndDropsWrongOnes() throws {
    let driver = Driver(limits(blockSize: 1))
    try driver.add(1, prompt: 3, generate: 10)
    _ = driver.run()
    driver.scheduler.propose(RequestID(1), draftCount: 4)
    let step = try #require(driver.next())
    #expect(step.summary == ["1: 3..<8 draws"])
    #expect(step.chunks[0].sampled == 3..<8)
    #expect(driver.scheduler.cache.tokenCount(of: step.chunks[0].slot) == 8)
    driver.complete(step, [.accepted(3)])  // two drafts were right, and one token follows
    #expect(driver.scheduler.cache.tokenCount(of: step.chunks[0].slot) == 6)
    #expect(driver.run()?.summary == ["1: 6..<7 draws"])
    // 5 tokens are there; the last of 10 needs no draft.
    driver.scheduler.propose(RequestID(1), draftCount: 100)
    #expect(driver.next()?.summary == ["1: 7..<12 draws"])
  }

  @Test func preemptedRequestsComputeTheirTokensAgain() throws {
    let driver = Driver(limits())
    try driver.add(1, prompt: 3, generate: 5)
    for _ in 0..<3 { _ = driver.run() }
    #expect(driver.preempt(1))
    #expect(driver.scheduler.cache.pool.freeCount == 64)
    // But for the block that it had filled and nobody has taken.
    #expect(driver.run()?.summary == ["1: 4..<6 draws"])
    #expect(driver.run()?.summary == ["1: 6..<7 draws"])
    #expect(driver.scheduler.isIdle)
  }
}
