import Testing
import Needletail
import NeedletailTesting
import NeedletailKernels

/// A tiny model with what the reference computes of it: `Fixtures/make_length_goldens.py` tells the format.
struct Golden: Sendable, CustomTestStringConvertible {
  let name: String
  /// The length that rotary angles are chosen for; nil: they depend on none.
  var length: Int?
  var directory: String { Place.fixtures + "/goldens/" + name }
  var testDescription: String { name }

  /// Cases whose rotary angles depend on no length.
  static let fixed = GoldenRules.names.map { Golden(name: $0) }.filter(\.isThere)
  /// Cases whose rotary angles are chosen once for the engine's maximum sequence length.
  static let ofLength = [
    Golden(name: "rope_dynamic", length: 128), Golden(name: "rope_longrope_short", length: 48),
    Golden(name: "rope_longrope_long", length: 192),
  ]

  /// Whether the case has a folder.
  var isThere: Bool { Place.exists(directory + "/config.json") }

  func prompts() throws -> [GoldenPrompt] { try GoldenPrompt.all(in: directory) }

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
