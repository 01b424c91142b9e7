import Needletail
import NeedletailTesting

/// A tiny model with what the reference computes of it.
struct Golden: Sendable {
  /// How it is run.
  struct Variant: Sendable, CustomStringConvertible {
    var dtype: DType
    var usesLibraries: Bool
    var isDeterministic = false
    var description: String {
      "\(dtype.name), libraries \(usesLibraries ? "all" : "none")\(isDeterministic ? ", deterministic" : "")"
    }
  }

  let name: String
  /// The folder of all cases.
  let folder: String
  /// The length that rotary angles are chosen for; nil: they depend on none.
  var length: Int?
  var directory: String { folder + "/" + name }

  /// Llama and Mistral with every kind of rotary angles.
  static func all(_ folder: String) -> [Golden] {
    [
      "llama2", "llama3_gqa", "llama_tied_headdim", "llama_linear_rope_bias", "llama_yarn", "mistral_window",
    ].map { Golden(name: $0, folder: folder) } + [
      Golden(name: "rope_dynamic", folder: folder, length: 128),
      Golden(name: "rope_longrope_short", folder: folder, length: 48),
      Golden(name: "rope_longrope_long", folder: folder, length: 192),
    ]
  }

  func prompts() throws -> [GoldenPrompt] { try GoldenPrompt.all(in: directory) }

  /// How it is loaded: on the GPU, small in memory.
  func options(_ variant: Variant) -> LoadOptions {
    var options = LoadOptions()
    options.device = .cuda
    options.dtype = variant.dtype
    options.allowsLibraries = variant.usesLibraries
    options.isDeterministic = variant.isDeterministic
    options.limits.maximumSequenceLength = length ?? 128
    options.limits.cacheTokens = 1024
    options.limits.maximumSequences = 8
    return options
  }

  /// Loads it.
  func load(_ variant: Variant, _ change: (inout LoadOptions) -> Void = { _ in }) async throws -> LLM {
    var options = options(variant)
    change(&options)
    return try await LLM(directory, options: options)
  }
}
