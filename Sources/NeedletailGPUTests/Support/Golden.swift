import Needletail
import NeedletailCheckpoint
import Synchronization

/// A tiny model with what the reference computes of it.
struct Golden: Sendable {
  /// One prompt with the expected results.
  struct Prompt: Sendable {
    let tokens: [Int32]
    /// `[positions, vocabulary]`: of all positions, or of the last one only.
    let logits: [Float]
    let greedy: [Int32]
    /// Best minus second-best logit at each greedy token.
    let gaps: [Float]
  }

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

  /// Loads it on the GPU, small in memory.
  func load(_ variant: Variant, _ change: (inout LoadOptions) -> Void = { _ in }) async throws -> LLM {
    var options = LoadOptions()
    options.device = .cuda
    options.dtype = variant.dtype
    options.allowsLibraries = variant.usesLibraries
    options.isDeterministic = variant.isDeterministic
    options.limits.maximumSequenceLength = length ?? 128
    options.limits.cacheTokens = 1024
    options.limits.maximumSequences = 8
    change(&options)
    return try await LLM(directory, options: options)
  }
}

extension LLM {
  /// The logits of all positions of a prompt, `[positions, vocabulary]`.
  func logits(_ prompt: [Int32]) async throws -> [Float] {
    let rows = Mutex<[Float]>([])
    try await engine.score(prompt) { positions, logits in
      rows.withLock { rows in
        for row in 0..<positions.count { rows += logits[row] }
      }
    }
    return rows.withLock { $0 }
  }

  /// The most likely tokens after a prompt, end tokens taken as ordinary ones.
  func greedy(_ prompt: [Int32], count: Int) async throws -> [Int32] {
    var options = SamplingOptions.greedy
    options.maximumTokens = count
    options.ignoresEndOfSequence = true
    return try await generate(prompt, options: options).tokenIDs
  }
}
