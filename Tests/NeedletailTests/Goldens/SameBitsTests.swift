import Needletail
import NeedletailTesting
import Testing

/// A request's logits and tokens have the same bits whatever shares its steps, and however steps and cache are cut.
@Suite struct SameBitsTests {
  /// What came of the three prompts.
  private struct Outcome: Equatable {
    var logits: [[UInt32]] = []
    var tokens: [[Int32]] = []
  }

  private static func alone(_ llm: LLM, _ prompts: [[Int32]]) async throws -> Outcome {
    var outcome = Outcome()
    for prompt in prompts {
      outcome.logits.append(try await llm.logits(prompt).map(\.bitPattern))
      outcome.tokens.append(try await llm.greedy(prompt, count: 24))
    }
    return outcome
  }

  /// All prompts at the same time, scored and continued.
  private static func together(_ llm: LLM, _ prompts: [[Int32]]) async throws -> Outcome {
    try await withThrowingTaskGroup(of: (Int, [UInt32]?, [Int32]?).self) { group in
      for (index, prompt) in prompts.enumerated() {
        group.addTask { (index, try await llm.logits(prompt).map(\.bitPattern), nil) }
        group.addTask { (index, nil, try await llm.greedy(prompt, count: 24)) }
      }
      var outcome = Outcome(
        logits: Array(repeating: [], count: prompts.count), tokens: Array(repeating: [], count: prompts.count))
      for try await (index, logits, tokens) in group {
        if let logits { outcome.logits[index] = logits }
        if let tokens { outcome.tokens[index] = tokens }
      }
      return outcome
    }
  }

  @Test(arguments: Golden.fixed, [DType.float32, .bfloat16])
  func sameBits(_ golden: Golden, _ dtype: DType) async throws {
    let prompts = try golden.prompts().map(\.tokens)
    let expected = try await Self.alone(try await golden.load(dtype), prompts)
    #expect(expected.logits.map(\.count).min() ?? 0 > 0)
    for blockSize in [1, 16] {
      for chunk in [1, 7, 64] {
        let chunked = try await golden.load(dtype) {
          $0.limits.blockSize = blockSize
          $0.limits.tokensPerPrefillChunk = chunk
          $0.limits.maximumSequences = 8
          $0.limits.cacheTokens = 1024
        }
        let label = "\(dtype.name), blocks of \(blockSize), chunks of \(chunk)"
        #expect(try await Self.together(chunked, prompts) == expected, "\(label)")
        let stepped = try await golden.load(dtype) {
          $0.limits.blockSize = blockSize
          $0.limits.tokensPerStep = chunk
        }
        #expect(try await Self.together(stepped, prompts) == expected, "\(label) a step")
      }
    }
  }

  @Test(arguments: [1, 3])
  func threads(_ threads: Int) async throws {
    for golden in Golden.fixed {
      let prompts = try golden.prompts().map(\.tokens)
      let expected = try await Self.alone(try await golden.load(.bfloat16) { $0.threads = 2 }, prompts)
      let other = try await golden.load(.bfloat16) { $0.threads = threads }
      #expect(other.deviceSummary.contains("\(threads) thread"))
      #expect(try await Self.together(other, prompts) == expected, "\(golden.name)")
    }
  }

  @Test(arguments: Golden.ofLength)
  func chunksDoNotChangeAngles(_ golden: Golden) async throws {
    let prompts = Array(try golden.prompts().map(\.tokens).filter { $0.count < 20 })
    let expected = try await Self.alone(try await golden.load(), prompts)
    let chunked = try await golden.load { $0.limits.tokensPerStep = 3 }
    #expect(try await Self.together(chunked, prompts) == expected)
  }
}
