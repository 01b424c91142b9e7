import NeedletailRuntime
import Testing

/// Rows collected on the engine's thread; read once the request has ended.
final class Rows: @unchecked Sendable {
  var positions: [Int] = []
  var logits: [[Float]] = []
  var largest = 0

  func add(_ positions: Range<Int>, _ rows: FloatRows) {
    largest = max(largest, positions.count)
    for (row, position) in positions.enumerated() {
      self.positions.append(position)
      logits.append(Array(rows[row]))
    }
  }
}

@Suite struct EngineScoreTests {
  @Test(arguments: [1, 2], [1, 4, 100]) func givesEveryPosition(inFlight: Int, rowLimit: Int) async throws {
    let limits = executorLimits(tokens: 8, rows: rowLimit, inFlight: inFlight)
    let engine = try Engine(executor: FakeExecutor(limits))
    let model = FakeModel(vocabularySize: limits.vocabularySize)
    let prompt = (0..<30).map { Int32($0 * 7 % 40) }
    // Others decode meanwhile.
    let others = try (0..<3).map { try engine.submit(greedy([Int32($0), 8], 50)) }
    for positions in [0..<30, 5..<17, 29..<30, 3..<3] {
      let rows = Rows()
      try await engine.score(prompt, positions: positions) { rows.add($0, $1) }
      #expect(rows.positions == Array(positions))
      #expect(rows.largest <= min(rowLimit, 8))
      for (position, logits) in zip(rows.positions, rows.logits) {
        #expect(logits == model.logits(model.state(of: prompt[...position])))
      }
    }
    for (index, stream) in others.enumerated() {
      let expected = expectedTokens(greedy([Int32(index), 8], 50), model, maximumSequenceLength: 120)
      #expect(try await Outcome(stream).ids == expected)
    }
    await engine.shutdown()
  }

  @Test func scoresAndContinuesInOneRequest() async throws {
    let limits = executorLimits(tokens: 4, rows: 2)
    let engine = try Engine(executor: FakeExecutor(limits))
    let rows = Rows()
    var request = greedy([1, 2, 3, 4, 5], 6)
    request.scoring = .init(positions: 2..<5) { rows.add($0, $1) }
    let outcome = try await Outcome(engine.submit(request))
    let model = FakeModel(vocabularySize: limits.vocabularySize)
    #expect(outcome.ids == expectedTokens(greedy([1, 2, 3, 4, 5], 6), model, maximumSequenceLength: 120))
    #expect(rows.positions == [2, 3, 4])
    #expect(rows.logits.last == model.logits(model.state(of: [1, 2, 3, 4, 5])))
    await engine.shutdown()
  }

  @Test func aReceiverThatThrowsEndsItsRequestOnly() async throws {
    let engine = try Engine(executor: FakeExecutor(executorLimits()))
    let other = try engine.submit(greedy([1], 40))
    await #expect(throws: FakeFailure.self) {
      try await engine.score([1, 2, 3]) { _, _ in throw FakeFailure() }
    }
    #expect(try await Outcome(other).ids.count == 40)
    await engine.shutdown()
    #expect(engine.metrics.failedRequests == 1 && engine.metrics.usedBlocks == 0)
  }
}
