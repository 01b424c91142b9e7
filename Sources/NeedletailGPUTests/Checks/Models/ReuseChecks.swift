import Needletail
import NeedletailTesting

extension GPUCheck {
  /// What the cache holds already: in deterministic mode the same bits as when each prompt is computed alone. A request
  /// that was interrupted computes its answer so far as a prompt, in other kernels than it was decoded with: the same
  /// numbers but for their last bits.
  static func reuse(_ golden: Golden) -> GPUCheck {
    GPUCheck("reuse/\(golden.name)") { _ in
      try blocking {
        let prompts = try related(golden)
        var (reused, preemptions) = (0, 0)
        for dtype in [DType.bfloat16, .float32] {
          let variant = Golden.Variant(dtype: dtype, usesLibraries: true, isDeterministic: true)
          let plain = try await golden.load(variant) {
            $0.limits.reusesPrefixes = false
          }
          var answers: [Answered] = []
          for prompt in prompts {
            answers.append(try await answer(plain, prompt))
          }
          let llm = try await golden.load(variant) {
            $0.limits.tokensPerPrefillChunk = 13
          }
          // A cache in which few of them fit at once.
          let small = try await golden.load(variant) {
            $0.limits.cacheTokens = 192
          }
          for _ in 0..<2 {
            for (prompt, expected) in zip(prompts, answers) {
              try expect(try await answer(llm, prompt) == expected, "\(variant): other bits with a reused prompt")
            }
            for (answer, expected) in zip(try await together(small, prompts), answers) {
              try expect(answer.isNear(expected), "\(variant): other numbers in a small cache")
            }
          }
          reused += llm.engine.metrics.cachedPromptTokens
          preemptions += small.engine.metrics.preemptions
        }
        try expect(reused > 0 && preemptions > 0, "\(reused) tokens reused, \(preemptions) preemptions")
        return "\(reused) tokens of prompts reused with the same bits, \(preemptions) preemptions"
      }
    }
  }

  /// Prompts that begin as others do, longer than blocks of 64 tokens, or soon so with their answers.
  private static func related(_ golden: Golden) throws -> [[Int32]] {
    let prompts = try golden.prompts().map(\.tokens)
    guard let longest = prompts.max(by: { $0.count < $1.count }) else { return [] }
    let long = Array(repeatElement(longest, count: 80).joined().prefix(80))
    return prompts + [long, Array(long.prefix(66)) + [5, 3], long + [7, 9]]
      + [50, 52, 54, 56].map { Array(long.prefix($0)) + [4, Int32($0)] }
  }

  private struct Answered: Equatable, Sendable {
    var tokens: [Int32] = []
    var bits: [UInt32] = []

    /// Whether both have the same bits, up to a token that was drawn with nearly the same probability, from which on they
    /// may be different texts.
    func isNear(_ other: Answered) -> Bool {
      guard tokens.count == other.tokens.count else { return false }
      guard let first = bits.indices.first(where: { bits[$0] != other.bits[$0] }), tokens[first] == other.tokens[first]
      else { return true }
      return abs(Float(bitPattern: bits[first]) - Float(bitPattern: other.bits[first])) < 0.05
    }
  }

  private static func answer(_ llm: LLM, _ prompt: [Int32]) async throws -> Answered {
    var options = SamplingOptions()
    options.temperature = 0.8
    options.seed = 3
    options.maximumTokens = 32
    options.ignoresEndOfSequence = true
    options.logProbabilities = 0
    let tokens = try await llm.generate(prompt, options: options).tokens
    return Answered(tokens: tokens.map(\.id), bits: tokens.map { $0.logProbability?.bitPattern ?? 0 })
  }

  private static func together(_ llm: LLM, _ prompts: [[Int32]]) async throws -> [Answered] {
    try await withThrowingTaskGroup(of: (Int, Answered).self) { group in
      for (index, prompt) in prompts.enumerated() { group.addTask { (index, try await answer(llm, prompt)) } }
      var answers = [Answered](repeating: Answered(), count: prompts.count)
      for try await (index, answer) in group { answers[index] = answer }
      return answers
    }
  }
}
