import Testing

import NeedletailRuntime

@Suite struct SchedulerPropertyTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    var limits: Scheduler.Limits
    var testDescription: String {
      "\(limits.tokensPerStep) tokens, chunk \(limits.tokensPerPrefillChunk), \(limits.blockCount) blocks of "
        + "\(limits.blockSize), \(limits.stepsInFlight) in flight, \(limits.policy.rawValue)"
    }
  }

  static let shapes = CapacityPolicy.allCases.flatMap { policy in
    [
      limits(tokens: 1, sequences: 3, rows: 1, blockSize: 1, blocks: 120, policy: policy),
      limits(tokens: 7, chunk: 3, sequences: 3, rows: 2, blockSize: 3, blocks: 50, policy: policy),
      limits(tokens: 64, sequences: 16, rows: 16, blockSize: 16, blocks: 12, policy: policy),
      limits(tokens: 16, sequences: 5, rows: 5, blockSize: 2, blocks: 80, inFlight: 2, policy: policy),
      limits(tokens: 5, chunk: 2, sequences: 4, rows: 3, blockSize: 1, blocks: 100, inFlight: 2, policy: policy),
      // A cache so small that requests push each other out all the time.
      limits(tokens: 32, sequences: 12, rows: 12, blockSize: 2, blocks: 34, policy: policy),
      limits(tokens: 24, chunk: 9, sequences: 9, rows: 9, blockSize: 4, blocks: 17, inFlight: 2, policy: policy),
    ].map { Shape(limits: $0) }
  }

  /// Random arrivals, cancellations, preemptions, priorities, drafts, shared beginnings and ends: limits hold in every
  /// step, what a request reads from the cache is its own text, it draws every token once in order, and all blocks come
  /// back.
  @Test(arguments: shapes) func servesEveryone(shape: Shape) throws {
    var run = SchedulerRun(shape.limits, seed: UInt64(shape.limits.tokensPerStep * 31 + shape.limits.blockSize))
    try run.run(requests: 250)
    #expect(run.finished > 100)
    #expect(run.scheduler.isIdle)
    #expect(run.scheduler.cache.pool.freeCount == shape.limits.blockCount)
    #expect(run.reusedTokens > 0)
    run.scheduler.checkInvariants()
  }

  @Test func preemptsWhenTheCacheIsSmall() throws {
    let shape = Self.shapes.last { $0.limits.policy == .maxUtilization }
    var run = SchedulerRun(try #require(shape).limits, seed: 5)
    run.interferes = false
    try run.run(requests: 200)
    #expect(run.scheduler.preemptionCount > 20)
    #expect(run.finished == 200)
  }
}

/// A scheduler under random use, and beside it what the executor's cache would hold.
struct SchedulerRun {
  /// What one request must have seen in the end.
  private struct Ledger {
    var request: Scheduler.Request
    var text: [Int32]
    var generated = 0
    var scored: [Int] = []
  }

  private let limits: Scheduler.Limits
  var scheduler: Scheduler
  /// Whether requests are cancelled and preempted at random, too.
  var interferes = true
  private(set) var finished = 0
  private(set) var reusedTokens = 0
  private var random: RandomSource
  private var open: [RequestID: Ledger] = [:]
  private var lastID: UInt64 = 0
  private var inFlight: [(step: Step, accepted: [Int])] = []
  /// By slot of the cache: all tokens up to the one that is kept there, folded into a number; 0 where nothing is.
  private var content: [UInt64]
  private var prompts: [[Int32]] = []

  init(_ limits: Scheduler.Limits, seed: UInt64) {
    self.limits = limits
    random = RandomSource(seed)
    scheduler = Scheduler(limits)
    content = Array(repeating: 0, count: limits.blockCount * limits.blockSize)
  }

  private static func fold(_ state: UInt64, _ token: Int32) -> UInt64 { mix(state ^ UInt64(token + 1)) | 1 }

  private mutating func arrive() throws {
    let length = min(40, limits.blockCount * limits.blockSize - 20)
    var prompt: [Int32] = []
    // Half of them begin as another one did, some all the way.
    if let other = prompts.randomElement(using: &random), Bool.random(using: &random) {
      prompt = Array(other.prefix(Int.random(in: 1...length, using: &random)))
    }
    let wanted = Int.random(in: 1...length, using: &random)
    while prompt.count < wanted { prompt.append(Int32.random(in: 0..<4, using: &random)) }
    prompts.append(prompt)
    let low = Int.random(in: 0...prompt.count, using: &random)
    let scored = low..<Int.random(in: low...prompt.count, using: &random)
    lastID += 1
    let request = Scheduler.Request(
      id: RequestID(lastID), promptCount: prompt.count, maximumTokens: Int.random(in: 0...20, using: &random),
      priority: Int.random(in: 0...2, using: &random),
      scored: Int.random(in: 0..<4, using: &random) > 0 ? 0..<0 : scored,
      runsAhead: Bool.random(using: &random))
    let roots: [PrefixRoot?] = [nil, .shared(salt: ""), .shared(salt: ""), .shared(salt: "other")]
    let root = roots[Int.random(in: 0..<4, using: &random)]
    try scheduler.enqueue(request, Scheduler.Text(prompt, root: root))
    // The answer that any schedule must lead to: tokens that depend on all before them.
    var text = prompt
    var state = prompt.reduce(0, Self.fold)
    while text.count < prompt.count + request.maximumTokens + 1 {
      text.append(Int32(state >> 33 & 3))
      state = Self.fold(state, text[text.count - 1])
    }
    open[request.id] = Ledger(request: request, text: text)
  }

  /// Checks a step's sizes and what its chunks read, and writes what they write; returns how many tokens are accepted.
  private mutating func check(_ step: Step) -> [Int] {
    #expect(step.tokenCount == step.chunks.reduce(0) { $0 + $1.positions.count })
    #expect(step.tokenCount > 0 && step.tokenCount <= limits.tokensPerStep)
    #expect(step.rowCount <= limits.maximumScoredRows)
    #expect(Set(step.chunks.map(\.id)).count == step.chunks.count)
    var row = 0
    var writes: [Int: UInt64] = [:]
    var accepted: [Int] = []
    for chunk in step.chunks {
      #expect(chunk.firstRow == row && !chunk.positions.isEmpty)
      row += chunk.rowCount
      #expect(scheduler.cache.tokenCount(of: chunk.slot) >= chunk.positions.upperBound)
      #expect(chunk.scored.isEmpty || chunk.positions.contains(chunk.scored.lowerBound))
      #expect(chunk.carriedRow == nil || limits.stepsInFlight == 2)
      let count = chunk.sampled.isEmpty ? 0 : Int.random(in: 1...chunk.sampled.count, using: &random)
      accepted.append(count)
      guard let text = open[chunk.id]?.text else { continue }
      var (state, isRead) = (UInt64(0), true)
      // Drafts that will turn out wrong leave something else.
      let valid = chunk.sampled.isEmpty ? chunk.positions.upperBound : chunk.sampled.lowerBound + count
      for position in 0..<chunk.positions.upperBound {
        state = Self.fold(state, position < text.count ? text[position] : 0)
        let slot = Int(scheduler.cache.slot(of: chunk.slot, position: position))
        if position < chunk.positions.lowerBound {
          isRead = isRead && content[slot] == state
        } else {
          #expect(writes.updateValue(position < valid ? state : 2, forKey: slot) == nil, "two tokens in slot \(slot)")
        }
      }
      #expect(isRead, "request \(chunk.id) reads what is not its own before \(chunk.positions)")
    }
    #expect(row == step.rowCount)
    for (slot, state) in writes { content[slot] = state }
    return accepted
  }

  private mutating func finish(_ step: Step, _ accepted: [Int]) {
    var outcomes: [Step.Outcome] = []
    var drawn = [Int32](repeating: -1, count: step.rowCount)
    for (chunk, count) in zip(step.chunks, accepted) {
      guard scheduler.isCurrent(chunk), var ledger = open[chunk.id] else {
        outcomes.append(.finished)
        continue
      }
      ledger.scored += chunk.scored
      var outcome = Step.Outcome.advanced
      var isDone = ledger.request.maximumTokens == 0 && chunk.positions.upperBound == ledger.request.promptCount
      if count > 0 {
        #expect(chunk.sampled.lowerBound == ledger.request.promptCount + ledger.generated - 1)
        for index in 0..<count {
          drawn[chunk.firstSampledRow + index] = ledger.text[chunk.sampled.lowerBound + 1 + index]
        }
        ledger.generated += count
        outcome = .accepted(count)
        isDone = ledger.generated == ledger.request.maximumTokens
        if interferes, Int.random(in: 0..<15, using: &random) == 0 { isDone = true }
      }
      open[chunk.id] = ledger
      if isDone {
        outcome = .finished
        #expect(ledger.scored == Array(ledger.request.scored))
        reusedTokens += scheduler.reusedCount(of: chunk.slot)
        open[chunk.id] = nil
        finished += 1
      }
      outcomes.append(outcome)
    }
    scheduler.complete(step, outcomes, drawn: drawn)
  }

  private mutating func interfere() {
    guard let id = open.keys.sorted().randomElement(using: &random) else { return }
    switch Int.random(in: 0..<60, using: &random) {
    case 0 where interferes:
      let wasKnown = scheduler.cancel(id)
      #expect(wasKnown)
      open[id] = nil
    case 1 where interferes: scheduler.preempt(id)
    case 2...10: scheduler.propose(id, draftCount: Int.random(in: 0...3, using: &random))
    default: break
    }
    scheduler.checkInvariants()
  }

  /// Runs until so many requests have come and gone.
  mutating func run(requests: UInt64) throws {
    var rounds = 0
    while lastID < requests || !open.isEmpty {
      rounds += 1
      try #require(rounds < 200_000, "requests starve: \(open.count) open")
      if lastID < requests, Int.random(in: 0..<3, using: &random) == 0 { try arrive() }
      interfere()
      if let step = scheduler.next() {
        inFlight.append((step, check(step)))
        scheduler.checkInvariants()
      } else if inFlight.isEmpty {
        #expect(open.isEmpty, "nothing is scheduled for \(open.count) requests")
      }
      if let oldest = inFlight.first, inFlight.count == limits.stepsInFlight || Bool.random(using: &random) {
        inFlight.removeFirst()
        finish(oldest.step, oldest.accepted)
        scheduler.checkInvariants()
      }
    }
    while !inFlight.isEmpty {
      let oldest = inFlight.removeFirst()
      finish(oldest.step, oldest.accepted)
    }
  }
}
