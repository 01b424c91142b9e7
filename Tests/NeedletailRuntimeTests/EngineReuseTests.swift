import NeedletailRuntime
import Synchronization
import Testing

@Suite struct EngineReuseTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    var inFlight: Int
    var policy: CapacityPolicy
    var blockSize: Int
    var testDescription: String { "\(inFlight) in flight, \(policy.rawValue), blocks of \(blockSize)" }
  }

  static let shapes = [1, 2].flatMap { inFlight in
    CapacityPolicy.allCases.flatMap { policy in
      [1, 4].map { Shape(inFlight: inFlight, policy: policy, blockSize: $0) }
    }
  }

  /// Prompts that begin alike, a cache that is too small for all, priorities: every request draws what it draws alone.
  @Test(arguments: shapes) func sharingChangesNothing(shape: Shape) async throws {
    let limits = executorLimits(
      tokens: 24, sequences: 12, blockSize: shape.blockSize, blocks: 150 / shape.blockSize, inFlight: shape.inFlight)
    let engine = try Engine(
      executor: FakeExecutor(limits), tokensPerPrefillChunk: 9, policy: shape.policy)
    var random = RandomSource(UInt64(shape.inFlight + shape.blockSize))
    var requests: [GenerationRequest] = []
    for index in 0..<120 {
      var request = randomRequest(&random, vocabularySize: 40, maximumPrompt: 50, maximumTokens: 30)
      if index > 0, let other = requests.randomElement(using: &random), Bool.random(using: &random) {
        request.prompt = Array((other.prompt + request.prompt).prefix(60))
      }
      request.cacheSalt = ["", "", "other"].randomElement(using: &random) ?? ""
      requests.append(request)
    }
    let cached = try await withThrowingTaskGroup(of: Int.self) { group in
      for request in requests {
        let stream = try engine.submit(request)
        group.addTask {
          let outcome = try await Outcome(stream)
          let expected = expectedTokens(request, FakeModel(vocabularySize: 40), maximumSequenceLength: 120)
          #expect(outcome.ids == expected)
          return outcome.completion?.cachedTokens ?? 0
        }
        if random.next() % 3 == 0 { try await Task.sleep(for: .milliseconds(1)) }
      }
      return try await group.reduce(0, +)
    }
    await engine.shutdown()
    let metrics = engine.metrics
    #expect(metrics.usedBlocks == 0 && metrics.idleBlocks > 0 && metrics.finishedRequests == 120)
    #expect(cached > 0 && metrics.cachedPromptTokens == cached)
    #expect(metrics.promptTokens == requests.reduce(0) { $0 + $1.prompt.count })
    if shape.policy == .guaranteedNoEvict { #expect(metrics.preemptions == 0) }
  }

  @Test func tellsWhatWasCached() async throws {
    let prompt = (0..<30).map { Int32($0) }
    for reuses in [true, false] {
      let engine = try Engine(executor: FakeExecutor(executorLimits(blockSize: 4)), reusesPrefixes: reuses)
      let first = try await Outcome(engine.submit(greedy(prompt, 10)))
      let second = try await Outcome(engine.submit(greedy(prompt, 10)))
      let third = try await Outcome(engine.submit(greedy(prompt + first.ids + [1], 10)))
      #expect(first.ids == second.ids && first.completion?.cachedTokens == 0)
      #expect(second.completion?.cachedTokens == (reuses ? 28 : 0))
      // The answer is in the cache, too, but for its last token.
      #expect(third.completion?.cachedTokens == (reuses ? 36 : 0))
      await engine.shutdown()
    }
  }

  @Test(arguments: [true, false], [1, 2]) func answersToOnePromptShareIt(reuses: Bool, inFlight: Int) async throws {
    let limits = executorLimits(tokens: 16, blockSize: 4, inFlight: inFlight)
    let engine = try Engine(executor: FakeExecutor(limits), reusesPrefixes: reuses)
    let prompt = (0..<42).map { Int32($0 % 40) }
    var request = greedy(prompt, 12)
    request.options.temperature = 1
    request.options.seed = 77
    let requests = request.choices(5)
    #expect(Set(requests.map(\.options.seed)).count == 5 && requests[0].options.seed == 77)
    #expect(request.choices(3).map(\.options.seed) == requests.prefix(3).map(\.options.seed))
    var answers: [[Int32]] = []
    for (request, stream) in zip(requests, try engine.submit(requests)) {
      let outcome = try await Outcome(stream)
      #expect(outcome.ids == expectedTokens(request, FakeModel(vocabularySize: 40), maximumSequenceLength: 120))
      answers.append(outcome.ids)
    }
    #expect(Set(answers).count == 5)
    await engine.shutdown()
    // The prompt once, the tail of its last block and the answers each.
    #expect(engine.metrics.processedTokens <= 42 + 4 * 2 + 5 * (11 + inFlight - 1))
    #expect(engine.metrics.cachedPromptTokens == 4 * 40)
  }

  @Test func aGroupIsTakenWholeOrNotAtAll() async throws {
    let engine = try Engine(
      executor: FakeExecutor(executorLimits(sequences: 1), beforeStep: { _, _ in pause(milliseconds: 2) }),
      maximumWaitingRequests: 3)
    #expect(throws: EngineError.queueFull(limit: 4)) { try engine.submit(greedy([1], 5).choices(5)) }
    var bad = greedy([2], 5)
    bad.prompt = [99]
    #expect(throws: RequestRefusal.self) { try engine.submit([greedy([1], 5), bad]) }
    let streams = try engine.submit(greedy([1], 5).choices(4))
    for stream in streams { #expect(try await Outcome(stream).ids.count == 5) }
    await engine.shutdown()
    #expect(engine.metrics.submittedRequests == 4)
  }

  private final class Arrived: Sendable {
    let stream = Mutex<RequestStream?>(nil)
  }

  @Test func urgentRequestsOvertakeRunningOnes() async throws {
    let engine = try Engine(executor: FakeExecutor(executorLimits(sequences: 2, blockSize: 4, blocks: 30)))
    var urgent = greedy(Array(repeating: 5, count: 60), 40)
    urgent.priority = -1
    var slow = greedy([1, 2, 3], 100)
    slow.priority = 1
    let arrived = Arrived()
    slow.observer = ScriptedObserver(
      onToken: { [urgent] in
        if $0 == 10 { arrived.stream.withLock { $0 = try? engine.submit(urgent) } }
      })
    let running = try await Outcome(engine.submit(slow))
    let stream = try #require(arrived.stream.withLock { $0 })
    let model = FakeModel(vocabularySize: 40)
    #expect(try await Outcome(stream).ids == expectedTokens(urgent, model, maximumSequenceLength: 120))
    #expect(running.ids == expectedTokens(slow, model, maximumSequenceLength: 120))
    arrived.stream.withLock { $0 = nil }
    await engine.shutdown()
    #expect(engine.metrics.preemptions > 0)
  }
}
