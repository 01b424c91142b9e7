import Foundation
import Needletail
import Synchronization
import Testing

/// The perplexity of a text against what `transformers` computes of it: float32, windows of 1,024 tokens moved by 512, each
/// token scored once with the longest context.
@Suite struct PerplexityTests {
  @Test func demo() async throws {
    let perplexity = try await Self.perplexity(Place.demo, dtype: .float32)
    #expect(abs(perplexity / 38.449589 - 1) < 1e-3, "\(perplexity)")
  }

  @Test func demoInItsOwnType() async throws {
    let perplexity = try await Self.perplexity(Place.demo, dtype: .bfloat16)
    #expect(abs(perplexity / 38.449589 - 1) < 1e-2, "\(perplexity)")
  }

  @Test(.enabled(if: Place.exists(Place.needle40m)))
  func larger() async throws {
    let perplexity = try await Self.perplexity(Place.needle40m, dtype: .float32)
    #expect(abs(perplexity / 29.315893 - 1) < 1e-3, "\(perplexity)")
  }

  // Codes made while loading, against PyTorch doing the same arithmetic (quantized_perplexity.py). A number that lies
  // between two codes of an activation may become either, by the order of a sum before it.
  @Test(arguments: [
    ("fp8", 38.762868), ("fp8-block", 38.852344), ("fp8-weights", 38.590280), ("int8", 38.458857), ("w8a8", 38.582807),
    ("int4", 40.728305), ("int4:32", 39.772257), ("int4-symmetric", 41.733953), ("w4a8", 40.975154),
    ("mxfp4", 42.114368), ("int8+embedding", 38.470135),
  ])
  func demoInCodes(_ recipe: String, _ golden: Double) async throws {
    let perplexity = try await Self.perplexity(Place.demo, dtype: .float32) {
      $0.quantization = QuantizationRecipe(named: recipe)
    }
    #expect(abs(perplexity / golden - 1) < 3e-3, "\(recipe): \(perplexity)")
  }

  @Test(arguments: [DType.float8e4m3, .int8]) func demoWithACacheInCodes(_ cache: DType) async throws {
    let perplexity = try await Self.perplexity(Place.demo, dtype: .bfloat16) { $0.cacheDType = cache }
    #expect(abs(perplexity / 38.449589 - 1) < 0.02, "\(cache.name): \(perplexity)")
  }

  private static func perplexity(
    _ model: String, dtype: DType, _ change: (inout LoadOptions) -> Void = { _ in }
  ) async throws -> Double {
    var options = LoadOptions()
    change(&options)
    options.dtype = dtype
    options.limits.cacheTokens = 4096
    options.limits.maximumSequences = 4
    let llm = try await LLM(model, options: options)
    let ids = try llm.encode(try Place.text(Place.fixtures + "/apache-2.0.txt"))
    #expect(ids.count == 3020)
    let sum = Mutex(0.0)
    var (start, reached) = (0, 1)
    while reached < ids.count {
      let window = Array(ids[start..<min(start + 1024, ids.count)])
      try await llm.engine.score(window, positions: reached - start - 1..<window.count - 1) { positions, logits in
        for (row, position) in positions.enumerated() {
          let loss = -logProbability(of: Int(window[position + 1]), in: logits[row])
          sum.withLock { $0 += loss }
        }
      }
      reached = start + window.count
      start += 512
    }
    return exp(sum.withLock { $0 } / Double(ids.count - 1))
  }
}

/// log(softmax(logits)[token]).
func logProbability(of token: Int, in logits: some Collection<Float>) -> Double {
  let maximum = Double(logits.max() ?? 0)
  let sum = logits.reduce(0.0) { $0 + exp(Double($1) - maximum) }
  return Double(logits[logits.index(logits.startIndex, offsetBy: token)]) - maximum - log(sum)
}
