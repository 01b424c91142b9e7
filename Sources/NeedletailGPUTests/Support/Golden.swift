import Needletail
import NeedletailTesting

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

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

  /// Every case that the folder has.
  static func all(_ folder: String) -> [Golden] {
    GoldenRules.names.map { Golden(name: $0, folder: folder) }.filter {
      access($0.directory + "/config.json", R_OK) == 0
    } + [
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
