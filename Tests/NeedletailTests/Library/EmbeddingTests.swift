import Needletail
import NeedletailCheckpoint
import NeedletailTesting
import Testing

/// Vectors for texts: what they are made of, and that nothing else changes them or is changed by them.
@Suite struct EmbeddingTests {
  private static let prompts: [[Int32]] = [[3, 14, 15, 92, 65, 35, 8, 9], [7], Array(1...40), Array(20...27)]

  private static func load(
    _ name: String, _ dtype: DType = .float32, _ change: (inout LoadOptions) -> Void = { _ in }
  ) async throws -> LLM {
    try await Golden(name: name).load(dtype) {
      $0.givesEmbeddings = true
      change(&$0)
    }
  }

  private static func bits(_ llm: LLM, _ pooling: Pooling) async throws -> [[UInt32]] {
    try await withThrowingTaskGroup(of: (Int, [UInt32]).self) { group in
      for (index, prompt) in prompts.enumerated() {
        group.addTask { (index, try await llm.embed(prompt, pooling: pooling).map(\.bitPattern)) }
      }
      var all = [[UInt32]](repeating: [], count: prompts.count)
      for try await (index, vector) in group { all[index] = vector }
      return all
    }
  }

  /// The head's products with them are the logits: nothing stands between, in these models.
  @Test(arguments: ["llama3_gqa", "llama2", "olmo2", "gpt_neox"], [DType.float32, .bfloat16])
  func theyAreWhatLogitsAreMadeOf(_ name: String, _ dtype: DType) async throws {
    let llm = try await Self.load(name, dtype)
    let plain = try await Golden(name: name).load(dtype)
    let checkpoint = try Checkpoint(directory: llm.path)
    let head = try #require(checkpoint.names.first { $0.contains("lm_head.weight") || $0.contains("embed_out.weight") })
    let (weight, width) = (try checkpoint.tensor(head).floats(), try checkpoint.tensor(head).shape[1])
    for prompt in Self.prompts {
      let vector = try await llm.embed(prompt, isNormalized: false)
      #expect(vector.count == width && llm.engine.limits.hiddenSize == width)
      let logits = try await llm.logits(prompt)
      // Asking for them changes no bit of the logits.
      #expect(logits.map(\.bitPattern) == (try await plain.logits(prompt).map(\.bitPattern)))
      let vocabulary = llm.engine.limits.vocabularySize
      let products = (0..<vocabulary).map { row in
        zip(vector, weight[row * width..<(row + 1) * width]).reduce(Float(0)) { $0 + $1.0 * $1.1 }
      }
      let error = GoldenRules.relativeError(Array(logits.suffix(vocabulary)), products)
      #expect(error < (dtype == .float32 ? 1e-5 : 2e-2), "\(error)")
    }
  }

  @Test func aMeanIsThatOfAllTokens() async throws {
    let llm = try await Self.load("llama3_gqa")
    for prompt in Self.prompts {
      var sums = [Double](repeating: 0, count: llm.engine.limits.hiddenSize ?? 0)
      for end in 1...prompt.count {
        let vector = try await llm.embed(Array(prompt.prefix(end)), isNormalized: false)
        for index in sums.indices { sums[index] += Double(vector[index]) }
      }
      let mean = try await llm.embed(prompt, pooling: .mean, isNormalized: false)
      #expect(mean == sums.map { Float($0 / Double(prompt.count)) })
      let unit = try await llm.embed(prompt, pooling: .mean)
      let length = mean.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      #expect(zip(unit, mean).allSatisfy { abs(Double($0) - Double($1) / length) < 1e-6 })
      #expect(abs(unit.reduce(0) { $0 + Double($1) * Double($1) } - 1) < 1e-5)
    }
  }

  @Test(arguments: ["llama3_gqa", "gemma2", "deepseek_v2_lite"], Pooling.allCases)
  func sameBits(_ name: String, _ pooling: Pooling) async throws {
    let expected = try await Self.bits(try await Self.load(name, .bfloat16), pooling)
    #expect(Set(expected).count == Self.prompts.count)
    let cut = try await Self.load(name, .bfloat16) {
      $0.limits.tokensPerStep = 7
      $0.limits.maximumScoredRows = 3
      $0.limits.blockSize = 2
      $0.limits.cacheTokens = 128
    }
    let answer = Task { try await cut.greedy(Self.prompts[0], count: 30) }
    for _ in 0..<2 { #expect(try await Self.bits(cut, pooling) == expected) }
    #expect(try await answer.value.count == 30)
    // The second time the beginnings were in the cache, unless every row is needed.
    #expect((cut.engine.metrics.cachedPromptTokens > 0) == (pooling == .last))
  }

  @Test func othersAreRefused() async throws {
    let llm = try await Golden(name: "llama3_gqa").load()
    await #expect(throws: RequestRefusal.self) { try await llm.embed([1, 2]) }
    let ready = try await Self.load("llama3_gqa")
    await #expect(throws: RequestRefusal.self) { try await ready.embed([Int32]()) }
    await #expect(throws: RequestRefusal.self) { try await ready.embed(Array(repeating: 1, count: 129)) }
  }
}
