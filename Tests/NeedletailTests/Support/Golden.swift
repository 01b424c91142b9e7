import Testing
import Needletail
import NeedletailCheckpoint
import NeedletailKernels

/// A tiny model with what the reference computes of it: `Fixtures/make_length_goldens.py` tells the format.
struct Golden: Sendable, CustomTestStringConvertible {
  /// One prompt with the expected results.
  struct Prompt: Sendable {
    let tokens: [Int32]
    /// `[positions, vocabulary]`: of all positions, or of the last one only.
    let logits: [Float]
    let greedy: [Int32]
    /// Best minus second-best logit at each greedy token.
    let gaps: [Float]
  }

  let name: String
  /// The length that rotary angles are chosen for; nil: they depend on none.
  var length: Int?
  var directory: String { Place.fixtures + "/goldens/" + name }
  var testDescription: String { name }

  /// Cases whose rotary angles depend on no length.
  static let fixed = [
    "llama2", "llama3_gqa", "llama_tied_headdim", "llama_linear_rope_bias", "llama_yarn", "mistral_window",
  ].map { Golden(name: $0) }
  /// Cases whose rotary angles are chosen once for the engine's maximum sequence length.
  static let ofLength = [
    Golden(name: "rope_dynamic", length: 128), Golden(name: "rope_longrope_short", length: 48),
    Golden(name: "rope_longrope_long", length: 192),
  ]

  func prompts() throws -> [Prompt] {
    let file = try SafetensorsFile(directory + "/golden.safetensors")
    return try (0..<3).map { index in
      Prompt(
        tokens: try file.tensor("prompt.\(index)").integers().map { Int32($0) },
        logits: try file.tensor("logits.\(index)").floats(),
        greedy: try file.tensor("greedy.\(index)").integers().map { Int32($0) },
        gaps: try file.tensor("gap.\(index)").floats())
    }
  }

  /// Loads the model, small in memory.
  func load(_ dtype: DType = .float32, _ change: (inout LoadOptions) -> Void = { _ in }) async throws -> LLM {
    var options = LoadOptions()
    options.dtype = dtype
    options.limits.maximumSequenceLength = length ?? 128
    options.limits.cacheTokens = 512
    options.limits.maximumSequences = 4
    change(&options)
    return try await LLM(directory, options: options)
  }
}

/// Tokens that must be equal: those up to the first whose gap is so small that another correct program may differ.
func decidedCount(_ gaps: [Float], over smallest: Float) -> Int {
  gaps.firstIndex { $0 <= smallest } ?? gaps.count
}

/// ||x - reference|| / ||reference||; infinite where the counts differ or a value is not finite.
func relativeError(_ x: some Collection<Float>, _ reference: [Float]) -> Double {
  guard x.count == reference.count, x.allSatisfy(\.isFinite) else { return .infinity }
  var (difference, norm) = (0.0, 0.0)
  for (value, expected) in zip(x, reference) {
    difference += (Double(value) - Double(expected)) * (Double(value) - Double(expected))
    norm += Double(expected) * Double(expected)
  }
  return (difference / norm).squareRoot()
}
