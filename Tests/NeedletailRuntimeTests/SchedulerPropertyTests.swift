import Testing

import NeedletailRuntime

@Suite struct SchedulerPropertyTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    var limits: Scheduler.Limits
    var testDescription: String {
      "\(limits.tokensPerStep) tokens, chunk \(limits.tokensPerPrefillChunk), block \(limits.blockSize), "
        + "\(limits.stepsInFlight) in flight"
    }
  }

  static let shapes = [
    Shape(limits: limits(tokens: 1, sequences: 3, rows: 1, blockSize: 1, blocks: 120)),
    Shape(limits: limits(tokens: 7, chunk: 3, sequences: 3, rows: 2, blockSize: 3, blocks: 50)),
    Shape(limits: limits(tokens: 64, sequences: 16, rows: 16, blockSize: 16, blocks: 12)),
    Shape(limits: limits(tokens: 16, sequences: 5, rows: 5, blockSize: 2, blocks: 80, inFlight: 2)),
    Shape(limits: limits(tokens: 5, chunk: 2, sequences: 4, rows: 3, blockSize: 1, blocks: 100, inFlight: 2)),
  ]

  /// What one request must have seen in the end.
  private struct Ledger {
    var request: Scheduler.Request
    /// Positions whose keys are valid; grows by chunks that were not stale.
    var computed = 0
    var generated = 0
    var scored: [Int] = []
  }

  /// Random arrivals, cancellations, preemptions, drafts and ends: limits hold in every step, every request computes every
  /// position once in order, and all blocks come back.
  @Test(arguments: shapes) func servesEveryone(shape: Shape) throws {
    let limits = shape.limits
    var random = RandomSource(UInt64(limits.tokensPerStep * 31 + limits.blockSize))
    var scheduler = Scheduler(limits)
    var open: [RequestID: Ledger] = [:]
    var inFlight: [Step] = []
    var nextID: UInt64 = 0
    var finished = 0

    func arrive() throws {
      let prompt = Int.random(in: 1...40, using: &random)
      let low = Int.random(in: 0...prompt, using: &random)
      let request = Scheduler.Request(
        id: RequestID(nextID + 1), promptCount: prompt, maximumTokens: Int.random(in: 0...20, using: &random),
        priority: Int.random(in: 0...2, using: &random),
        scored: Bool.random(using: &random) ? 0..<0 : low..<Int.random(in: low...prompt, using: &random),
        runsAhead: Bool.random(using: &random))
      nextID += 1
      try scheduler.enqueue(request)
      open[request.id] = Ledger(request: request)
    }

    func check(_ step: Step) {
      #expect(step.tokenCount == step.chunks.reduce(0) { $0 + $1.positions.count })
      #expect(step.tokenCount > 0 && step.tokenCount <= limits.tokensPerStep)
      #expect(step.rowCount <= limits.maximumScoredRows)
      #expect(Set(step.chunks.map(\.id)).count == step.chunks.count)
      var row = 0
      for chunk in step.chunks {
        #expect(chunk.firstRow == row && !chunk.positions.isEmpty)
        row += chunk.rowCount
        #expect(scheduler.cache.tokenCount(of: chunk.slot) >= chunk.positions.upperBound)
        #expect(chunk.scored.isEmpty || chunk.positions.contains(chunk.scored.lowerBound))
        #expect(chunk.carriedRow == nil || limits.stepsInFlight == 2)
      }
      #expect(row == step.rowCount)
    }

    func finish(_ step: Step) {
      var outcomes: [Step.Outcome] = []
      for chunk in step.chunks {
        guard scheduler.isCurrent(chunk), var ledger = open[chunk.id] else {
          outcomes.append(.finished)
          continue
        }
        #expect(chunk.positions.lowerBound == ledger.computed)
        ledger.scored += chunk.scored
        var outcome = Step.Outcome.advanced
        ledger.computed = chunk.positions.upperBound
        if !chunk.sampled.isEmpty {
          let accepted = Int.random(in: 1...chunk.sampled.count, using: &random)
          ledger.generated += accepted
          ledger.computed = chunk.sampled.lowerBound + accepted
          outcome = .accepted(accepted)
          #expect(ledger.computed == ledger.request.promptCount + ledger.generated - 1)
        }
        let isDone =
          ledger.generated == ledger.request.maximumTokens && ledger.computed >= ledger.request.promptCount
        let stops = !chunk.sampled.isEmpty && Int.random(in: 0..<15, using: &random) == 0
        if isDone || stops {
          outcome = .finished
          #expect(ledger.scored == Array(ledger.request.scored))
          open[chunk.id] = nil
          finished += 1
        } else {
          open[chunk.id] = ledger
        }
        outcomes.append(outcome)
      }
      scheduler.complete(step, outcomes)
    }

    var rounds = 0
    while nextID < 250 || !open.isEmpty {
      rounds += 1
      try #require(rounds < 200_000, "requests starve: \(open.count) open")
      if nextID < 250, Int.random(in: 0..<3, using: &random) == 0 { try arrive() }
      if let id = open.keys.randomElement(using: &random) {
        switch Int.random(in: 0..<60, using: &random) {
        case 0:
          let wasKnown = scheduler.cancel(id)
          #expect(wasKnown)
          open[id] = nil
        case 1:
          if scheduler.preempt(id) { open[id]?.computed = 0 }
        case 2...10: scheduler.propose(id, draftCount: Int.random(in: 0...3, using: &random))
        default: break
        }
        scheduler.checkInvariants()
      }
      if let step = scheduler.next() {
        check(step)
        inFlight.append(step)
        scheduler.checkInvariants()
      } else if inFlight.isEmpty {
        #expect(open.isEmpty, "nothing is scheduled for \(open.count) requests")
      }
      if let oldest = inFlight.first, inFlight.count == limits.stepsInFlight || Bool.random(using: &random) {
        inFlight.removeFirst()
        finish(oldest)
        scheduler.checkInvariants()
      }
    }
    while !inFlight.isEmpty { finish(inFlight.removeFirst()) }
    #expect(scheduler.isIdle && finished > 100)
    #expect(scheduler.cache.pool.freeCount == limits.blockCount)
    scheduler.checkInvariants()
  }
}
