import Needletail
import NeedletailKernels
import Testing

/// Tiny models against what `transformers` computes of them.
@Suite struct GoldenTests {
  @Test(arguments: Golden.fixed + Golden.ofLength)
  func float32(_ golden: Golden) async throws {
    let llm = try await golden.load()
    for prompt in try golden.prompts() {
      let logits = try await llm.logits(prompt.tokens)
      #expect(relativeError(logits.suffix(prompt.logits.count), prompt.logits) < 2e-5)
      let count = decidedCount(prompt.gaps, over: 1e-3)
      let greedy = try await llm.greedy(prompt.tokens, count: min(24, (golden.length ?? 128) - prompt.tokens.count))
      #expect(greedy.prefix(count) == prompt.greedy.prefix(min(count, greedy.count)))
    }
  }

  @Test(arguments: Golden.fixed, InstructionSet.allCases.filter(\.isAvailable))
  func halfPrecision(_ golden: Golden, _ instructionSet: InstructionSet) async throws {
    for (dtype, factor) in [(DType.bfloat16, 1.5), (.float16, 2)] {
      let errors = try #require(TorchErrors.of(golden.name, dtype))
      let llm = try await golden.load(dtype) { $0.instructionSet = instructionSet }
      #expect(llm.deviceSummary.contains(instructionSet.name))
      for (prompt, torch) in zip(try golden.prompts(), errors) {
        let logits = try await llm.logits(prompt.tokens)
        let error = relativeError(logits.suffix(prompt.logits.count), prompt.logits)
        #expect(error <= factor * torch, "\(dtype.name) on \(instructionSet.name)")
        // The same as in float32 would mean that the type was not used.
        #expect(error > 1e-5)
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
        #expect(relativeError(logits.suffix(prompt.logits.count), prompt.logits) < 2e-5, "\(golden.name)")
      }
    }
  }
}

/// The relative errors of PyTorch's own logits on the CPU in a type, for prompt 0, 1 and 2 of a case.
enum TorchErrors {
  static func of(_ name: String, _ dtype: DType) -> [Double]? { (dtype == .bfloat16 ? bfloat16 : float16)[name] }

  private static let bfloat16 = [
    "llama2": [0.0117107, 0.0169195, 0.0167386], "llama3_gqa": [0.00950843, 0.0137920, 0.0138081],
    "llama_tied_headdim": [0.0107605, 0.0138047, 0.0200287],
    "llama_linear_rope_bias": [0.0108752, 0.0120619, 0.0117526], "llama_yarn": [0.00880203, 0.0149232, 0.0173172],
    "mistral_window": [0.00943400, 0.0136503, 0.0107426],
  ]
  private static let float16 = [
    "llama2": [0.00134876, 0.00193987, 0.00265788], "llama3_gqa": [0.000998518, 0.00146471, 0.00168374],
    "llama_tied_headdim": [0.00107508, 0.00180447, 0.0034744],
    "llama_linear_rope_bias": [0.0010706, 0.00153421, 0.00164331],
    "llama_yarn": [0.00110914, 0.00174372, 0.00125848], "mistral_window": [0.00117573, 0.00171334, 0.00158667],
  ]
}
