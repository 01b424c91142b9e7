import Needletail
import NeedletailTesting
import Synchronization

/// A model of made-up weights that is wide enough for the kernels of large models, with prompts of hundreds of tokens.
struct WideModel: Sendable {
  /// Grouped queries over heads of 128; two layers.
  private static let config = """
    {"model_type": "llama", "hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 2, \
    "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 4096, "max_position_embeddings": 2048, \
    "rms_norm_eps": 1e-05, "tie_word_embeddings": false, "torch_dtype": "bfloat16"}
    """
  /// Around tiles of rows and keys, and more than a step's decodes.
  static let prompts: [[Int32]] = [65, 130, 700, 5].enumerated().map { index, count in
    var numbers = SeededNumbers(seed: UInt64(index + 1))
    return (0..<count).map { _ in Int32(numbers.next(in: 0...4095)) }
  }

  /// A directory with its config.
  static func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try Files.write(Array(config.utf8), to: folder.path + "/config.json")
    return folder
  }

  /// How it is loaded.
  static func options(_ variant: Golden.Variant) -> LoadOptions {
    var options = LoadOptions()
    options.loadFormat = .dummy
    options.dtype = variant.dtype
    options.allowsLibraries = variant.usesLibraries
    options.isDeterministic = variant.isDeterministic
    options.limits.maximumSequenceLength = 1024
    options.limits.maximumSequences = 16
    options.limits.tokensPerStep = 1024
    options.limits.cacheTokens = 8192
    return options
  }

  static func load(
    on device: LoadOptions.DeviceChoice, _ variant: Golden.Variant, _ change: (inout LoadOptions) -> Void = { _ in }
  ) async throws -> LLM {
    let folder = try folder()
    defer { withExtendedLifetime(folder) {} }
    var options = options(variant)
    options.device = device
    change(&options)
    return try await LLM(folder.path, options: options)
  }

  private static let known = Mutex<[[Float]]?>(nil)

  /// The CPU's logits in float32.
  static func expected() async throws -> [[Float]] {
    if let known = known.withLock({ $0 }) { return known }
    let llm = try await load(on: .cpu, Golden.Variant(dtype: .float32, usesLibraries: true))
    var logits: [[Float]] = []
    for prompt in prompts { logits.append(try await llm.logits(prompt)) }
    let result = logits
    known.withLock { $0 = result }
    return result
  }
}

extension GPUCheck {
  /// The GPU against the CPU, and against itself.
  static let wide: [GPUCheck] =
    [
      Golden.Variant(dtype: .float32, usesLibraries: false), Golden.Variant(dtype: .bfloat16, usesLibraries: true),
      Golden.Variant(dtype: .bfloat16, usesLibraries: false), Golden.Variant(dtype: .float16, usesLibraries: true),
      Golden.Variant(dtype: .bfloat16, usesLibraries: false, isDeterministic: true),
    ].map { variant in
      GPUCheck("wide model/\(variant)") { _ in
        try blocking { try await compareWide(try await WideModel.load(on: .cuda, variant), variant) }
      }
    } + [
      GPUCheck("in flight/wide model") { _ in try blocking { try await inFlight() } }
    ]

  /// A loaded model's logits against the CPU's.
  static func compareWide(_ llm: LLM, _ variant: Golden.Variant) async throws -> String {
    let expected = try await WideModel.expected()
    let allowed: Double =
      switch variant.dtype {
      case .float32: GoldenRules.float32Error
      case .float16: 1.5e-3
      default: 1e-2
      }
    var worst = 0.0
    for (prompt, logits) in zip(WideModel.prompts, expected) {
      let error = GoldenRules.relativeError(try await llm.logits(prompt), logits)
      try expect(
        error <= allowed, "\(prompt.count) tokens: relative error \(short(error)), more than \(short(allowed))")
      worst = max(worst, error)
    }
    return "relative error \(short(worst)) of \(short(allowed)) to the CPU in float32"
  }

  /// In deterministic mode chunks of any size and neighbours change no bit.
  private static func inFlight() async throws -> String {
    let variant = Golden.Variant(dtype: .bfloat16, usesLibraries: true, isDeterministic: true)
    let alone = try await WideModel.load(on: .cuda, variant)
    let expected = try await Outcome.alone(alone, WideModel.prompts, scores: true)
    for chunk in [50, 256, 1024] {
      let llm = try await WideModel.load(on: .cuda, variant) { $0.limits.tokensPerPrefillChunk = chunk }
      let found = try await Outcome.together(llm, WideModel.prompts, scores: true)
      try expect(found.tokens == expected.tokens, "chunks of \(chunk): other tokens")
      try expect(found.logits == expected.logits, "chunks of \(chunk): other bits of logits")
    }
    return "\(expected.logits.reduce(0) { $0 + $1.count }) logits of the same bits, alone and among others"
  }
}
