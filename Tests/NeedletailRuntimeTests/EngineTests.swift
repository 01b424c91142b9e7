import NeedletailRuntime
import Testing

/// What a stream yields: tokens and how it ended.
struct Outcome: Sendable {
  var tokens: [GeneratedToken] = []
  var prompt: [PromptToken] = []
  var completion: Completion?

  init(_ stream: RequestStream) async throws {
    for try await event in stream {
      switch event {
      case .promptToken(let token): prompt.append(token)
      case .token(let token): tokens.append(token)
      case .finished(let value): completion = value
      }
    }
  }

  var ids: [Int32] { tokens.map(\.id) }
}

func executorLimits(
  tokens: Int = 64, sequences: Int = 8, rows: Int? = nil, blockSize: Int = 4, blocks: Int = 200, length: Int = 120,
  vocabulary: Int = 40, inFlight: Int = 1
) -> ExecutorLimits {
  ExecutorLimits(
    tokensPerStep: tokens, maximumSequences: sequences, maximumScoredRows: rows ?? sequences, blockSize: blockSize,
    blockCount: blocks, maximumSequenceLength: length, vocabularySize: vocabulary, maximumTopTokens: 10,
    stepsInFlight: inFlight)
}

/// Greedy tokens without any stop.
func greedy(_ prompt: [Int32], _ count: Int?) -> GenerationRequest {
  var options = SamplingOptions.greedy
  options.maximumTokens = count
  return GenerationRequest(prompt: prompt, options: options)
}

@Suite struct EngineTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    var tokens: Int
    var chunk: Int?
    var sequences: Int
    var blockSize: Int
    var inFlight: Int
    var testDescription: String {
      "\(tokens) tokens, chunk \(chunk ?? 0), \(sequences) sequences, block \(blockSize), \(inFlight) in flight"
    }
  }

  static let shapes = [1, 2].flatMap { inFlight in
    [
      Shape(tokens: 1, chunk: nil, sequences: 4, blockSize: 1, inFlight: inFlight),
      Shape(tokens: 16, chunk: 1, sequences: 3, blockSize: 16, inFlight: inFlight),
      Shape(tokens: 7, chunk: nil, sequences: 8, blockSize: 3, inFlight: inFlight),
      Shape(tokens: 64, chunk: 7, sequences: 16, blockSize: 1, inFlight: inFlight),
      Shape(tokens: 512, chunk: 64, sequences: 32, blockSize: 16, inFlight: inFlight),
    ]
  }

  /// Whatever runs beside it, a request's tokens are those of the plainest loop over its own history.
  @Test(arguments: shapes) func togetherEqualsAlone(shape: Shape) async throws {
    let limits = executorLimits(
      tokens: shape.tokens, sequences: shape.sequences, blockSize: shape.blockSize, blocks: 400 / shape.blockSize,
      inFlight: shape.inFlight)
    let engine = try Engine(executor: FakeExecutor(limits), tokensPerPrefillChunk: shape.chunk)
    var random = RandomSource(UInt64(shape.tokens + shape.blockSize))
    let requests = (0..<60).map { _ in
      randomRequest(&random, vocabularySize: limits.vocabularySize, maximumPrompt: 50, maximumTokens: 30)
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for request in requests {
        let stream = try engine.submit(request)
        group.addTask {
          let outcome = try await Outcome(stream)
          let expected = expectedTokens(
            request, FakeModel(vocabularySize: limits.vocabularySize),
            maximumSequenceLength: limits.maximumSequenceLength)
          #expect(outcome.ids == expected)
          #expect(outcome.tokens.map(\.index) == Array(0..<expected.count))
          #expect(outcome.completion?.completionTokens == expected.count)
        }
        // Some arrive while others run.
        if random.next() % 4 == 0 { try await Task.sleep(for: .milliseconds(1)) }
      }
      try await group.waitForAll()
    }
    await engine.shutdown()
    #expect(engine.metrics.usedBlocks == 0 && engine.metrics.finishedRequests == 60)
  }

  @Test func seedsDecideAndDifferWhenDrawn() async throws {
    let engine = try Engine(executor: FakeExecutor(executorLimits()))
    var request = greedy([1, 2, 3], 30)
    request.options.temperature = 1.5
    request.options.seed = 7
    let first = try await Outcome(engine.submit(request)).ids
    let second = try await Outcome(engine.submit(request)).ids
    request.options.seed = 8
    let other = try await Outcome(engine.submit(request)).ids
    request.options.seed = nil
    let drawn = try await Outcome(engine.submit(request)).ids
    let drawnAgain = try await Outcome(engine.submit(request)).ids
    #expect(first == second && first != other && drawn != drawnAgain)
    await engine.shutdown()
  }

  @Test func endsForTheRightReason() async throws {
    let engine = try Engine(executor: FakeExecutor(executorLimits(length: 20)))
    let all = try await Outcome(engine.submit(greedy([4, 5], 10)))
    #expect(all.completion?.reason == .length && all.ids.count == 10)
    #expect(all.completion?.promptTokens == 2)
    #expect(all.completion?.timings.firstToken != nil && all.completion?.timings.queued != nil)
    let third = all.ids[2]
    let first = try #require(all.ids.firstIndex(of: third))

    var request = greedy([4, 5], 10)
    request.options.stopTokenIDs = [third]
    var outcome = try await Outcome(engine.submit(request))
    #expect(outcome.completion?.reason == .stopToken(third) && outcome.ids == Array(all.ids[...first]))

    request.options.stopTokenIDs = []
    request.endTokens = [third]
    outcome = try await Outcome(engine.submit(request))
    #expect(outcome.completion?.reason == .endOfSequence(third))
    request.options.ignoresEndOfSequence = true
    #expect(try await Outcome(engine.submit(request)).ids == all.ids)
    request.options.ignoresEndOfSequence = false
    request.options.minimumTokens = 10
    outcome = try await Outcome(engine.submit(request))
    #expect(outcome.ids.count == 10 && !outcome.ids.dropLast().contains(third))

    // The sequence's length ends it, too, whether a number was given or not.
    #expect(try await Outcome(engine.submit(greedy([4, 5], 1000))).ids.count == 18)
    #expect(try await Outcome(engine.submit(greedy([4, 5], nil))).ids.count == 18)
    await engine.shutdown()
  }

  @Test(arguments: [1, 2]) func reportsLogProbabilities(inFlight: Int) async throws {
    let limits = executorLimits(tokens: 5, rows: 3, inFlight: inFlight)
    let engine = try Engine(executor: FakeExecutor(limits))
    let prompt: [Int32] = [3, 1, 4, 1, 5, 9, 2, 6]
    var request = greedy(prompt, 4)
    request.options.logProbabilities = 3
    request.options.promptLogProbabilities = 2
    let outcome = try await Outcome(engine.submit(request))
    let model = FakeModel(vocabularySize: limits.vocabularySize)
    #expect(outcome.prompt.map(\.position) == Array(1..<prompt.count))
    for token in outcome.prompt {
      let expected = logSoftmax(model.logits(model.state(of: prompt.prefix(token.position))))
      #expect(token.token.id == prompt[token.position])
      #expect(token.token.logProbability == expected[Int(token.token.id)])
      #expect(token.top.map(\.logProbability) == Array(expected.sorted(by: >).prefix(2)))
    }
    for token in outcome.tokens {
      let expected = logSoftmax(model.logits(model.state(of: prompt + outcome.ids.prefix(token.index))))
      #expect(token.logProbability == expected[Int(token.id)] && token.top.count == 3)
      #expect(token.top.first?.id == token.id)
    }
    request.options.logProbabilities = nil
    request.options.promptLogProbabilities = nil
    let plain = try await Outcome(engine.submit(request))
    #expect(plain.ids == outcome.ids && plain.prompt.isEmpty && plain.tokens[0].logProbability == nil)
    await engine.shutdown()
  }

  @Test func countsWhatItDoes() async throws {
    let engine = try Engine(executor: FakeExecutor(executorLimits()))
    _ = try await Outcome(engine.submit(greedy([1, 2, 3], 5)))
    await engine.shutdown()
    let metrics = engine.metrics
    #expect(metrics.steps == 5 && metrics.processedTokens == 7 && metrics.generatedTokens == 5)
    #expect(metrics.submittedRequests == 1 && metrics.finishedRequests == 1 && metrics.failedRequests == 0)
    #expect(metrics.timeToFirstToken.count == 1 && metrics.queueTime.count == 1 && metrics.blockCount == 200)
    #expect(metrics.runningRequests == 0 && metrics.waitingRequests == 0)
  }
}
