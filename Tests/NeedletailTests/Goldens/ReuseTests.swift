import Needletail
import NeedletailTesting
import Testing

/// What the cache holds already is as good as computed: the same tokens and bits of log-probabilities with and without
/// it, and when requests push each other out of a small cache.
@Suite struct ReuseTests {
  private struct Outcome: Equatable, Sendable {
    var tokens: [Int32] = []
    var bits: [UInt32] = []
    var cached = 0
    static func == (left: Outcome, right: Outcome) -> Bool { left.tokens == right.tokens && left.bits == right.bits }
  }

  private static func answer(_ llm: LLM, _ prompt: [Int32], salt: String = "") async throws -> Outcome {
    var options = SamplingOptions()
    options.seed = 3
    options.temperature = 0.8
    options.maximumTokens = 20
    options.ignoresEndOfSequence = true
    options.logProbabilities = 0
    var outcome = Outcome()
    for try await event in try llm.events(prompt, options: options, cacheSalt: salt) {
      switch event {
      case .token(let token):
        outcome.tokens.append(token.id)
        outcome.bits.append(token.logProbability?.bitPattern ?? 0)
      case .finished(let completion): outcome.cached = completion.cachedTokens
      case .promptToken: break
      }
    }
    return outcome
  }

  /// Prompts that begin as others do, and go on as answers did.
  private static func related(_ prompts: [[Int32]], _ answers: [Outcome]) -> [[Int32]] {
    prompts.flatMap { prompt in
      [prompt, Array(prompt.prefix(prompt.count / 2 + 1)) + [5, 3], prompt + [7, 7, 9]]
    } + zip(prompts, answers).map { $0 + $1.tokens + [4] }
  }

  @Test(arguments: Golden.fixed) func sameBits(_ golden: Golden) async throws {
    let plain = try await golden.load(.bfloat16) { $0.limits.reusesPrefixes = false }
    let prompts = try golden.prompts().map(\.tokens)
    var answers: [Outcome] = []
    for prompt in prompts { answers.append(try await Self.answer(plain, prompt)) }
    let related = Self.related(prompts, answers)
    var expected: [Outcome] = []
    for prompt in related { expected.append(try await Self.answer(plain, prompt)) }
    #expect(expected.allSatisfy { $0.cached == 0 && $0.tokens.count == 20 })
    for blockSize in [1, 16] {
      let llm = try await golden.load(.bfloat16) {
        $0.limits.blockSize = blockSize
        $0.limits.tokensPerPrefillChunk = 13
      }
      for (prompt, answer) in zip(prompts, answers) { #expect(try await Self.answer(llm, prompt) == answer) }
      var cached = 0
      for (prompt, answer) in zip(related, expected) {
        let outcome = try await Self.answer(llm, prompt)
        #expect(outcome == answer, "\(golden.name), \(outcome.cached) tokens reused")
        cached += outcome.cached
      }
      #expect(cached > 0)
      // Another salt shares nothing with them.
      let salted = try await Self.answer(llm, related[0], salt: "other")
      #expect(salted == expected[0] && salted.cached == 0)
    }
  }

  @Test(arguments: Golden.fixed) func sameBitsInASmallCache(_ golden: Golden) async throws {
    let prompts = try golden.prompts().map(\.tokens)
    let longest = (prompts.map(\.count).max() ?? 0) + 24
    for policy in CapacityPolicy.allCases {
      let llm = try await golden.load {
        $0.limits.blockSize = 2
        $0.limits.cacheTokens = longest + 12
        $0.limits.maximumSequenceLength = longest
        $0.limits.capacityPolicy = policy
      }
      var expected: [Outcome] = []
      for prompt in prompts { expected.append(try await Self.answer(llm, prompt, salt: "alone")) }
      for _ in 0..<2 {
        try await withThrowingTaskGroup(of: Void.self) { group in
          for (prompt, answer) in zip(prompts, expected) {
            group.addTask {
              let outcome = try await Self.answer(llm, prompt)
              #expect(outcome == answer)
            }
          }
          try await group.waitForAll()
        }
      }
      if policy == .guaranteedNoEvict { #expect(llm.engine.metrics.preemptions == 0) }
    }
  }
}
