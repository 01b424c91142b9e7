import Dispatch
import NeedletailRuntime
import Synchronization
import Testing

/// Waits until `condition` holds; false after a minute.
func eventually(_ condition: () -> Bool) async throws -> Bool {
  for _ in 0..<12_000 {
    if condition() { return true }
    // The pool's threads run the other tests, too, so none may be blocked.
    try await Task.sleep(for: .milliseconds(5))
  }
  return false
}

/// An observer that cuts tokens to text "<id>" and stops, throws or calls back at an index.
struct ScriptedObserver: TokenObserver {
  var stopAt: Int?
  var throwAt: Int?
  var onToken: @Sendable (Int) -> Void = { _ in }
  var count = 0

  mutating func observe(_ token: Int32, mayStop: Bool) throws -> TokenVerdict {
    defer { count += 1 }
    onToken(count)
    if count == throwAt { throw FakeFailure(reason: "observer") }
    return count == stopAt && mayStop ? .stop(text: "!", reason: .stopString("x")) : .proceed(text: "<\(token)>")
  }

  mutating func finish() -> String { "held" }
}

/// A place for a request that its own observer needs.
final class Target: Sendable {
  private let stream = Mutex<RequestStream?>(nil)

  func set(_ value: RequestStream?) { stream.withLock { $0 = value } }

  /// Cancels the request, once it is known.
  func cancel() {
    while true {
      if let stream = stream.withLock({ $0 }) { return stream.cancel() }
      pause(milliseconds: 1)
    }
  }
}

@Suite struct EngineFailureTests {
  @Test func refusesWithASentence() async throws {
    let engine = try Engine(executor: FakeExecutor(executorLimits(blockSize: 4, blocks: 10)))
    let cases: [([Int32], Int?, String)] = [
      ([], 5, "no tokens"), ([1, 40], 5, "Token 40"), ([-1], 5, "Token -1"),
      (Array(repeating: 1, count: 120), 5, "120 tokens"), (Array(repeating: 1, count: 30), 20, "never fit"),
      (Array(repeating: 1, count: 50), nil, "never fit"),
    ]
    for (prompt, count, words) in cases {
      let sentence = refusal { _ = try engine.submit(greedy(prompt, count)) }
      #expect(sentence.contains(words))
    }
    var request = greedy([1], 5)
    request.options.temperature = .nan
    #expect(throws: RequestRefusal.self) { try engine.submit(request) }
    #expect(try await Outcome(engine.submit(greedy([1], nil))).ids.count == 40)
    await engine.shutdown()
  }

  @Test(arguments: [1, 2]) func cancellationTakesEffectWithinAStep(inFlight: Int) async throws {
    let engine = try Engine(executor: FakeExecutor(executorLimits(length: 10_000, inFlight: inFlight)))
    let target = Target()
    var request = greedy([1], 190)
    request.observer = ScriptedObserver(onToken: { if $0 == 4 { target.cancel() } })
    let blocker = try engine.submit(request)
    target.set(blocker)
    let outcome = try await Outcome(blocker)
    target.set(nil)
    #expect(outcome.completion?.reason == .cancelled)
    // The fifth token was there already when it was cancelled; a step ahead may have been submitted, no more.
    #expect(outcome.ids.count == 5)
    await engine.shutdown()
    #expect(engine.metrics.steps <= 5 + inFlight)
    #expect(engine.metrics.usedBlocks == 0 && engine.metrics.cancelledRequests == 1)
  }

  @Test func cancellingTheTaskOrDroppingTheStreamCancels() async throws {
    let limits = executorLimits(blocks: 20_000, length: 60_000)
    let engine = try Engine(executor: FakeExecutor(limits, beforeStep: { _, _ in pause(milliseconds: 5) }))
    let stream = try engine.submit(greedy([1], 50_000))
    let task = Task { try await Outcome(stream).ids.count }
    var dropped: RequestStream? = try engine.submit(greedy([2], 20_000))
    #expect(dropped != nil)
    #expect(try await eventually { engine.metrics.runningRequests == 2 })
    task.cancel()
    dropped = nil
    #expect(try await eventually { engine.metrics.cancelledRequests == 2 && engine.metrics.usedBlocks == 0 })
    await engine.shutdown()
  }

  @Test func anObserverShowsTextAndStops() async throws {
    let engine = try Engine(executor: FakeExecutor(executorLimits()))
    var request = greedy([1], 10)
    request.observer = ScriptedObserver(stopAt: 3)
    var outcome = try await Outcome(engine.submit(request))
    #expect(outcome.tokens.map(\.text) == outcome.ids.prefix(3).map { "<\($0)>" } + ["!"])
    #expect(outcome.completion?.reason == .stopString("x") && outcome.completion?.text == "")
    request.options.minimumTokens = 5
    outcome = try await Outcome(engine.submit(request))
    #expect(outcome.ids.count == 10 && outcome.completion?.text == "held")
    // A stop token is not shown unless asked for.
    request.options.minimumTokens = 0
    request.observer = ScriptedObserver()
    request.endTokens = [outcome.ids[0]]
    #expect(try await Outcome(engine.submit(request)).tokens.map(\.text) == [""])
    request.options.includesStop = true
    #expect(try await Outcome(engine.submit(request)).tokens.map(\.text) == ["<\(outcome.ids[0])>"])
    await engine.shutdown()
  }

  @Test func oneFailureLeavesOthersAlone() async throws {
    let limits = executorLimits()
    let engine = try Engine(executor: FakeExecutor(limits))
    var bad = greedy([9], 50)
    bad.observer = ScriptedObserver(throwAt: 2)
    let good = try engine.submit(greedy([1, 2], 50))
    let failing = try engine.submit(bad)
    await #expect(throws: FakeFailure(reason: "observer")) { try await Outcome(failing) }
    let model = FakeModel(vocabularySize: limits.vocabularySize)
    #expect(try await Outcome(good).ids == expectedTokens(greedy([1, 2], 50), model, maximumSequenceLength: 120))
    await engine.shutdown()
    #expect(engine.metrics.failedRequests == 1 && engine.metrics.finishedRequests == 1)
  }

  @Test(arguments: [1, 2]) func aDeviceFailureEndsAllAndIsRemembered(inFlight: Int) async throws {
    let limits = executorLimits(sequences: 2, inFlight: inFlight)
    // No step runs before all are submitted: later ones would be refused.
    let areSubmitted = DispatchSemaphore(value: 0)
    let executor = FakeExecutor(limits) { number, _ in
      areSubmitted.wait()
      areSubmitted.signal()
      if number == 5 { throw FakeFailure() }
    }
    let engine = try Engine(executor: executor)
    let streams = try (0..<4).map { try engine.submit(greedy([Int32($0)], 100)) }
    areSubmitted.signal()
    for stream in streams {
      do {
        _ = try await Outcome(stream)
        Issue.record("request \(stream.id) ended well")
      } catch let error as EngineError {
        guard case .deviceFailed(let cause) = error else { throw error }
        #expect(cause.contains("the fake failed"))
      }
    }
    #expect(throws: EngineError.self) { try engine.submit(greedy([1], 1)) }
    await engine.shutdown()
    #expect(engine.metrics.failedRequests == 4 && engine.metrics.usedBlocks == 0)
  }

  @Test func aFullQueueRefuses() async throws {
    let engine = try Engine(
      executor: FakeExecutor(executorLimits(sequences: 1), beforeStep: { _, _ in pause(milliseconds: 2) }),
      maximumWaitingRequests: 2)
    let streams = try (0..<3).map { try engine.submit(greedy([Int32($0)], 20)) }
    #expect(throws: EngineError.queueFull(limit: 3)) { try engine.submit(greedy([1], 1)) }
    for stream in streams { #expect(try await Outcome(stream).ids.count == 20) }
    #expect(try await eventually { (try? engine.submit(greedy([1], 1))) != nil })
    await engine.shutdown()
  }

  @Test func shutdownFinishesOrEndsWhatRuns() async throws {
    let slow = { FakeExecutor(executorLimits(), beforeStep: { _, _ in pause(milliseconds: 1) }) }
    let finishing = try Engine(executor: slow())
    let stream = try finishing.submit(greedy([1], 20))
    await finishing.shutdown()
    #expect(throws: EngineError.shutDown) { try finishing.submit(greedy([1], 1)) }
    #expect(try await Outcome(stream).ids.count == 20)
    await finishing.shutdown()

    let ending = try Engine(executor: slow())
    let cut = try ending.submit(greedy([1], 100))
    await ending.shutdown(finishing: false)
    await #expect(throws: EngineError.shutDown) { try await Outcome(cut) }
  }

  @Test func anEngineNobodyHoldsFreesItsExecutor() async throws {
    weak var executor: FakeExecutor?
    var stream: RequestStream?
    do {
      let fake = FakeExecutor(executorLimits())
      executor = fake
      let engine = try Engine(executor: fake)
      stream = try engine.submit(greedy([1], 50))
    }
    // The stream keeps the engine alive.
    let running = try #require(stream)
    #expect(try await Outcome(running).ids.count == 50)
    stream = nil
    _ = consume running
    #expect(try await eventually { executor == nil })
  }
}
