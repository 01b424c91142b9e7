import Needletail
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
    var pieces = 0
    for try await _ in try llm.stream(Demo.story, options: Demo.options(900)) {
      pieces += 1
      if pieces == 3 { break }
    }
    let metrics = try await Self.idle(llm)
    #expect(metrics.cancelledRequests == 1 && metrics.finishedRequests == 0)
    #expect(metrics.generatedTokens < 900)
  }

  @Test func cancellingATask() async throws {
    let llm = try await Self.load()
    let (started, announce) = AsyncStream<Void>.makeStream()
    let task = Task {
      var text = ""
      for try await piece in try llm.stream(Demo.story, options: Demo.options(900)) {
        text += piece
        announce.yield()
      }
      return text
    }
    for await _ in started { break }
    task.cancel()
    _ = try? await task.value
    let metrics = try await Self.idle(llm)
    #expect(metrics.cancelledRequests == 1)
    #expect(metrics.generatedTokens < 900)
    // The engine goes on.
    #expect(try await llm.greedy(try llm.encode(Demo.story), count: 4).count == 4)
  }

  @Test func withinAStep() async throws {
    let llm = try await Self.load()
    let stream = try llm.events(try llm.encode(Demo.story), options: Demo.options(900))
    var tokensAfter = 0
    var isCancelled = false
    var end: FinishReason?
    var counted = 0
    for try await event in stream {
      switch event {
      case .token:
        // Those that were made before the cancellation may still lie in the stream.
        if isCancelled { tokensAfter += 1 }
        if !isCancelled {
          isCancelled = true
          counted = llm.engine.metrics.generatedTokens
          stream.cancel()
        }
      case .finished(let completion):
        end = completion.reason
        // The step that runs at the time is the last.
        #expect(completion.completionTokens <= counted + 32)
      case .promptToken: break
      }
    }
    #expect(end == .cancelled)
    #expect(tokensAfter < 64)
    #expect(try await Self.idle(llm).cancelledRequests == 1)
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
    #expect(try await Self.idle(llm).cancelledRequests == 6)
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
