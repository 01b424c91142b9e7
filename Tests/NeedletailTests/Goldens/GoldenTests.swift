import Needletail
import NeedletailKernels
import NeedletailTesting
import Testing

/// Tiny models against what `transformers` computes of them.
@Suite struct GoldenTests {
  @Test(arguments: Golden.fixed + Golden.ofLength)
  func float32(_ golden: Golden) async throws {
    let llm = try await golden.load()
    for prompt in try golden.prompts() {
      let logits = try await llm.logits(prompt.tokens)
      #expect(GoldenRules.relativeError(logits.suffix(prompt.logits.count), prompt.logits) < 2e-5)
      let count = decidedCount(prompt.gaps, over: 1e-3)
      let greedy = try await llm.greedy(prompt.tokens, count: min(24, (golden.length ?? 128) - prompt.tokens.count))
      #expect(greedy.prefix(count) == prompt.greedy.prefix(min(count, greedy.count)))
    }
  }

  @Test(arguments: Golden.fixed, InstructionSet.allCases.filter(\.isAvailable))
  func halfPrecision(_ golden: Golden, _ instructionSet: InstructionSet) async throws {
    for dtype in [DType.bfloat16, .float16] {
      let errors = try #require(GoldenRules.errors(of: golden.name, dtype))
      let llm = try await golden.load(dtype) { $0.instructionSet = instructionSet }
      #expect(llm.deviceSummary.contains(instructionSet.name))
      for (index, (prompt, usual)) in zip(try golden.prompts(), errors).enumerated() {
        let allowed = GoldenRules.hasFlippedRoute(golden.name, dtype, prompt: index) ? 2 * usual : usual
        let logits = try await llm.logits(prompt.tokens)
        let isRouted = GoldenRules.isRouted(golden.name)
        let error = GoldenRules.error(logits, prompt, isRouted: isRouted)
        #expect(error <= allowed, "\(dtype.name) on \(instructionSet.name)")
        // The same as in float32 would mean that the type was not used.
        #expect(error > 1e-5)
        // One route that differs changes all that follows.
        guard !isRouted else { continue }
        let count = decidedCount(prompt.gaps, over: 0.1)
        let greedy = try await llm.greedy(prompt.tokens, count: 24)
        #expect(greedy.prefix(count) == prompt.greedy.prefix(count), "\(dtype.name) on \(instructionSet.name)")
      }
    }
  }

  @Test(arguments: InstructionSet.allCases.filter(\.isAvailable))
  func float32OnEach(_ instructionSet: InstructionSet) async throws {
    for golden in Golden.fixed {
      let llm = try await golden.load { $0.instructionSet = instructionSet }
      for prompt in try golden.prompts() {
        let logits = try await llm.logits(prompt.tokens)
        #expect(GoldenRules.relativeError(logits.suffix(prompt.logits.count), prompt.logits) < 2e-5, "\(golden.name)")
      }
    }
  }
}
