import Needletail
import NeedletailTesting
import Testing

/// Requests that make no sense: one sentence each, and the others go on.
@Suite struct RefusalTests {
  @Test func othersGoOn() async throws {
    let llm = try await Demo.llm
    let alone = try await llm.greedy(try llm.encode(Demo.story), count: 48)
    let other = Task { try await llm.greedy(try llm.encode(Demo.story), count: 48) }
    for (refusal, words) in Self.refusals {
      var options = Demo.options(4)
      var prompt: [Int32] = [1, 2, 3]
      refusal(&prompt, &options)
      let said = await sentence { [prompt, options] in _ = try await llm.generate(prompt, options: options) }
      #expect(said?.contains(words) == true, "\(words): \(said ?? "no error")")
      #expect(said.map(isOneSentence) == true, "\(said ?? "")")
    }
    #expect(try await other.value == alone)
  }

  private typealias Change = @Sendable (inout [Int32], inout SamplingOptions) -> Void

  private static let refusals: [(Change, String)] = [
    ({ prompt, _ in prompt = [] }, "no tokens"),
    ({ prompt, _ in prompt = [1, 8192] }, "Token 8192 at position 1"),
    ({ prompt, _ in prompt = [-1] }, "Token -1 at position 0"),
    ({ prompt, _ in prompt = [.max] }, "Token 2147483647"),
    ({ prompt, _ in prompt = Array(repeating: 9, count: 1024) }, "1024 tokens"),
    ({ prompt, _ in prompt = Array(repeating: 9, count: 100_000) }, "100000 tokens"),
    ({ _, options in options.temperature = .nan }, "temperature is nan"),
    ({ _, options in options.temperature = -1 }, "temperature is -1"),
    ({ _, options in options.temperature = .infinity }, "temperature is inf"),
    ({ _, options in options.topP = 0 }, "topP is 0"),
    ({ _, options in options.topP = .nan }, "topP is nan"),
    ({ _, options in options.minP = 1.5 }, "minP is 1.5"),
    ({ _, options in options.topK = -4 }, "topK is -4"),
    ({ _, options in options.repetitionPenalty = 0 }, "repetitionPenalty is 0"),
    ({ _, options in options.presencePenalty = .nan }, "presencePenalty is nan"),
    ({ _, options in options.frequencyPenalty = 3 }, "frequencyPenalty is 3"),
    ({ _, options in options.maximumTokens = -1 }, "maximumTokens is -1"),
    ({ _, options in options.minimumTokens = 5 }, "minimumTokens, 5, is more than"),
    ({ _, options in options.stopStrings = ["a", ""] }, "stop string is empty"),
    ({ _, options in options.stopStrings = Array(repeating: "a", count: 65) }, "65 stop strings"),
    ({ _, options in options.stopTokenIDs = [8192] }, "Stop token 8192"),
    ({ _, options in options.logitBias = [9000: 1] }, "token 9000"),
    ({ _, options in options.logitBias = [3: .nan] }, "bias of token 3 is nan"),
    ({ _, options in options.logProbabilities = 1000 }, "logProbabilities is 1000"),
    ({ _, options in options.promptLogProbabilities = -1 }, "promptLogProbabilities is -1"),
  ]

  @Test func anEmptyTextIsTheBeginToken() async throws {
    let llm = try await Demo.llm
    // The tokenizer puts its begin token before every text, so an empty one can be continued.
    #expect(try llm.encode("") == [1])
    #expect(try await llm.generate("", options: Demo.options(3)).tokens.count == 3)
    // A conversation without messages still has the template's tokens.
    #expect(try !llm.encode(messages: []).isEmpty)
  }

  @Test func aRoleThatTheTemplateRefuses() async throws {
    let llm = try await Demo.llm
    let said = await sentence {
      for try await _ in try llm.stream(messages: [ChatMessage(role: "critic", content: "No.")]) {}
    }
    #expect(said?.contains("unknown role: critic") == true)
  }

  @Test func withoutATokenizer() async throws {
    let llm = try await Golden(name: "llama3_gqa").load()
    #expect(llm.tokenizer == nil)
    let text = await sentence { _ = try await llm.generate("Hello") }
    #expect(text?.contains("has no tokenizer; give token ids instead of text") == true)
    let messages = await sentence { _ = try llm.stream(messages: [.user("Hello")]) }
    #expect(messages?.contains("has no tokenizer") == true)
    var options = Demo.options(2)
    options.stopStrings = ["x"]
    let stops = await sentence { [options] in _ = try await llm.generate([3, 4], options: options) }
    #expect(stops?.contains("stop token ids") == true)
    #expect(try await llm.greedy([3, 4], count: 2).count == 2)
  }

  @Test func limitsThatMakeNoSense() async throws {
    let cases: [(@Sendable (inout LoadOptions) -> Void, String)] = [
      ({ $0.limits.tokensPerStep = 0 }, "tokensPerStep is 0"),
      ({ $0.limits.maximumSequences = -1 }, "maximumSequences is -1"),
      ({ $0.limits.blockSize = 0 }, "blockSize is 0"),
      ({ $0.limits.cacheTokens = .max }, "cacheTokens is"),
      ({ $0.limits.cacheBytes = 10 }, "give it more memory"),
      ({ $0.limits.maximumSequenceLength = 600 }, "the cache holds 512"),
      ({ $0.threads = 0 }, "threads must be"),
      ({ $0.threads = 100_000 }, "threads must be"),
      ({ $0.dtype = .int32 }, "cannot run in int32"),
      ({ $0.cacheDType = .int32 }, "cannot be stored in int32"),
    ]
    for (change, words) in cases {
      let said = await sentence {
        _ = try await Golden(name: "llama3_gqa").load { options in
          change(&options)
          if options.limits.cacheBytes != nil { options.limits.cacheTokens = nil }
        }
      }
      #expect(said?.contains(words) == true, "\(words): \(said ?? "no error")")
    }
  }

  @Test func aFullQueue() async throws {
    let llm = try await Golden(name: "llama3_gqa").load {
      $0.limits.maximumSequences = 1
      $0.limits.maximumWaitingRequests = 1
    }
    let options = Demo.options(100)
    let held = try (0..<2).map { _ in try llm.events([5, 6, 7], options: options) }
    let said = await sentence { _ = try llm.events([5, 6, 7], options: options) }
    #expect(said?.contains("try again later") == true)
    for stream in held {
      var tokens = 0
      for try await event in stream { if case .token = event { tokens += 1 } }
      #expect(tokens == 100)
    }
  }
}

/// No line breaks, no Swift names of errors, not longer than a reader takes in.
func isOneSentence(_ text: String) -> Bool {
  !text.contains("\n") && !text.contains("Error(") && text.utf8.count < 600
}
