import Needletail
import NeedletailTesting

/// What came of some prompts, bit by bit.
struct Outcome: Equatable, Sendable {
  var logits: [[UInt32]] = []
  var tokens: [[Int32]] = []

  /// Each prompt by itself, one after another.
  static func alone(_ llm: LLM, _ prompts: [[Int32]], scores: Bool) async throws -> Outcome {
    var outcome = Outcome()
    for prompt in prompts {
      if scores { outcome.logits.append(try await llm.logits(prompt).map(\.bitPattern)) }
      outcome.tokens.append(try await llm.greedy(prompt, count: 24))
    }
    return outcome
  }

  /// All prompts at the same time, scored and continued, among others that start and stop.
  static func together(_ llm: LLM, _ prompts: [[Int32]], scores: Bool) async throws -> Outcome {
    try await withThrowingTaskGroup(of: (Int, [UInt32]?, [Int32]?).self) { group in
      for (index, prompt) in prompts.enumerated() {
        if scores { group.addTask { (index, try await llm.logits(prompt).map(\.bitPattern), nil) } }
        group.addTask { (index, nil, try await llm.greedy(prompt, count: 24)) }
        group.addTask {
          _ = try await llm.greedy(Array(prompt.prefix(3 + index)), count: 5 + 4 * index)
          return (index, nil, nil)
        }
      }
      var outcome = Outcome(
        logits: Array(repeating: [], count: scores ? prompts.count : 0),
        tokens: Array(repeating: [], count: prompts.count))
      for try await (index, logits, tokens) in group {
        if let logits { outcome.logits[index] = logits }
        if let tokens { outcome.tokens[index] = tokens }
      }
      return outcome
    }
  }
}

extension GPUCheck {
  /// A request's bits do not depend on what shares its steps: in deterministic mode all of them, else those of decoding
  /// and of steps of at most 64 rows.
  static func inFlight(_ golden: Golden) -> GPUCheck {
    GPUCheck("in flight/\(golden.name)") { _ in
      try blocking {
        let prompts = try golden.prompts().map(\.tokens)
        var counts: [Int] = []
        for dtype in [DType.bfloat16, .float16, .float32] {
          let variant = Golden.Variant(dtype: dtype, usesLibraries: true, isDeterministic: true)
          let expected = try await Outcome.alone(try await golden.load(variant), prompts, scores: true)
          for chunk in [7, 64, 4096] {
            let llm = try await golden.load(variant) { $0.limits.tokensPerPrefillChunk = chunk }
            let found = try await Outcome.together(llm, prompts, scores: true)
            try expect(found.tokens == expected.tokens, "\(variant), chunks of \(chunk): other tokens")
            try expect(found.logits == expected.logits, "\(variant), chunks of \(chunk): other bits of logits")
          }
          counts.append(expected.logits.reduce(0) { $0 + $1.count })
        }
        let free = Golden.Variant(dtype: .bfloat16, usesLibraries: true)
        let few = Array(prompts.prefix(2))
        let expected = try await Outcome.alone(try await golden.load(free), few, scores: true)
        for _ in 0..<3 {
          let llm = try await golden.load(free) { $0.limits.tokensPerStep = 64 }
          try expect(
            try await Outcome.together(llm, few, scores: true) == expected, "\(free): other bits while decoding")
        }
        return "\(counts.reduce(0, +)) logits of the same bits, alone and among others"
      }
    }
  }
}
