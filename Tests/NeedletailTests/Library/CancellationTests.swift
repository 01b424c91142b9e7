import Dispatch
import Needletail
import NeedletailTesting
import Testing

/// Requests that are left end within a step, and take nothing with them.
@Suite struct CancellationTests {
  /// A model of its own, so that its counters tell of these requests only.
  private static func load() async throws -> LLM {
    var options = LoadOptions()
    options.limits.cacheTokens = 4096
    options.limits.maximumSequences = 4
    return try await LLM(Place.demo, options: options)
  }

  /// Waits for the engine to hold nothing; tells the steps it took.
  private static func idle(_ llm: LLM) async throws -> EngineMetrics {
    for _ in 0..<500 {
      let metrics = llm.engine.metrics
      if metrics.runningRequests == 0, metrics.waitingRequests == 0, metrics.usedBlocks == 0 { return metrics }
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("the engine still runs requests: \(llm.engine.metrics)")
    return llm.engine.metrics
  }

  @Test func leavingALoop() async throws {
    let llm = try await Self.load()
    let gate = Gate()
    func readTwo() async throws {
      var count = 0
      for try await _ in try gate.request(llm) {
        count += 1
        if count == 2 { return }
      }
    }
    try await readTwo()
    gate.open()
    try await expectOneCancelled(llm)
  }

  @Test func cancellingATask() async throws {
    let llm = try await Self.load()
    let gate = Gate()
    let task = Task {
      for try await _ in try gate.request(llm) {}
    }
    await gate.isReached()
    task.cancel()
    _ = try? await task.value
    gate.open()
    try await expectOneCancelled(llm)
    // The engine goes on.
    #expect(try await llm.greedy(try llm.encode(Demo.story), count: 4).count == 4)
  }

  @Test func cancellingByName() async throws {
    let llm = try await Self.load()
    let gate = Gate()
    let stream = try gate.request(llm)
    await gate.isReached()
    stream.cancel()
    gate.open()
    var end: Completion?
    for try await event in stream {
      if case .finished(let completion) = event { end = completion }
    }
    #expect(end?.reason == .cancelled)
    // The step that ran at the time is the last.
    #expect(end.map { $0.completionTokens <= Gate.token + 1 } == true)
    try await expectOneCancelled(llm)
  }

  private func expectOneCancelled(_ llm: LLM) async throws {
    let metrics = try await Self.idle(llm)
    #expect(metrics.cancelledRequests == 1 && metrics.finishedRequests == 0)
    #expect(metrics.generatedTokens <= Gate.token + 1)
  }

  @Test func othersAreUnharmed() async throws {
    let llm = try await Self.load()
    let alone = try await llm.generate(Demo.story, options: Demo.options(64)).tokenIDs
    let other = Task { try await llm.generate(Demo.story, options: Demo.options(64)).tokenIDs }
    for count in 1...6 {
      var seen = 0
      for try await _ in try llm.stream("Another text", options: Demo.options(500)) {
        seen += 1
        if seen == count { break }
      }
    }
    #expect(try await other.value == alone)
    // On a busy machine a request may have ended before the loop was left.
    let metrics = try await Self.idle(llm)
    #expect(metrics.cancelledRequests + metrics.finishedRequests == 8 && metrics.failedRequests == 0)
  }

  @Test func aSessionForgetsWhatWasLeft() async throws {
    let llm = try await Demo.llm
    let session = llm.session(options: Demo.options(400))
    for try await _ in try await session.stream("List three colors.") { break }
    await session.setOptions(Demo.options(5))
    let answer = try await session.respond(to: "Hello.")
    #expect(await session.messages == [.user("Hello."), .assistant(answer)])
  }
}

/// Holds the engine at a token of a request until the test has done what it wants to have happened by then: how fast
/// tokens come and when tasks run is then of no account.
private final class Gate: Sendable {
  /// The token at which the engine is held.
  static let token = 4
  private let reached = AsyncStream<Void>.makeStream()
  private let opening = DispatchSemaphore(value: 0)

  /// Starts a request for many tokens that is held.
  func request(_ llm: LLM) throws -> RequestStream {
    try llm.engine.submit(
      GenerationRequest(
        prompt: try llm.encode(Demo.story), options: Demo.options(900), observer: Observer(gate: self)))
  }

  /// Waits until the engine is held.
  func isReached() async {
    for await _ in reached.stream { return }
  }

  /// Lets the engine go on.
  func open() { opening.signal() }

  private struct Observer: TokenObserver {
    let gate: Gate
    var count = 0

    mutating func observe(_ token: Int32, mayStop: Bool) -> TokenVerdict {
      count += 1
      if count == Gate.token {
        gate.reached.continuation.yield()
        gate.opening.wait()
      }
      return .proceed(text: "")
    }

    func finish() -> String { "" }
  }
}
