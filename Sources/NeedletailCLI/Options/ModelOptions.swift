import ArgumentParser
import Needletail

/// Which model, on what, how stored, and how much at once: the options that all commands share.
struct ModelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A Hugging Face directory, or ORG/NAME in the local cache; the demo model by default.", valueName: "dir"))
  var model: String?
  @Option(help: "Where it runs.")
  var device = LoadOptions.DeviceChoice.auto
  @Option(help: "How operands of matrix products are stored; auto: as the checkpoint's.")
  var dtype = DTypeChoice.auto
  @Option(help: "dummy: seeded values in ±0.035, config.json is enough.")
  var loadFormat = LoadOptions.LoadFormat.auto
  @Option(
    help: ArgumentHelp(
      "Code the weights while they are loaded: \(QuantizationRecipe.names.joined(separator: ", ")), or none; int4:128 for "
        + "other groups, int8+embedding for the embedding too, +head for the head.", valueName: "recipe"))
  var quantize = "none"
  @Option(help: "How cached keys and values are stored; auto: as the operands.")
  var kvCacheDtype = DTypeChoice.auto
  @Option(help: "Requests that run at the same time.")
  var maxBatchSize: Int?
  @Option(
    name: [.customLong("max-tokens-per-step"), .customLong("tokens-per-step")],
    help: "Tokens of one step; longer prompts are computed in chunks.")
  var maxTokensPerStep: Int?
  @Option(help: "Tokens of one prompt in one step.")
  var prefillChunk: Int?
  @Option(help: "Tokens of one request, prompt and answer together.")
  var maxSequenceLength: Int?
  @Option(help: ArgumentHelp("Memory of the cache: bytes, or 512M, 4G.", valueName: "bytes"))
  var kvCacheMemory: ByteCount?
  @Option(help: "Tokens of one block of the cache.")
  var blockSize: Int?
  @Option(help: "Prompts that begin with the same tokens share what the cache holds of them; on unless measuring.")
  var prefixCache: Switch?
  @Option(
    help: """
      Which requests start: guaranteed-no-evict: those that find room for their whole answer; max-utilization: those \
      that find room for their prompt; when the cache is full, the latest computes its tokens again.
      """)
  var capacityPolicy = CapacityPolicy.maxUtilization
  @Option(help: "Threads of the CPU device; by default one for each core.")
  var threads: Int?
  @Option(
    help: "The same bits whatever else runs; the CPU device always does so, a GPU only when asked, at some cost.")
  var deterministic: Switch?
  @Option(help: "none: our own kernels only; all: cuBLASLt, too, where it is faster. The CPU device has no others.")
  var libraries = Libraries.all
  @Option(help: "The share of a GPU's memory that may be in use; what weights and activations leave is the cache.")
  var gpuMemoryFraction = 0.9
  @Flag(help: "Make a GPU's graphs of decode steps while loading, instead of when a number of requests is first met.")
  var makeGraphsAhead = false
  @Flag(help: "Load the model, or build the engine, so that embeddings can be asked for.")
  var embeddings = false
  @Flag(help: "Say what loading took.")
  var verbose = false
  @OptionGroup(visibility: .hidden) var later: LaterOptions

  /// The directory, or the demo's.
  func directory() throws -> String { try model ?? DemoModel.path() }

  /// The options of the library.
  func loadOptions() throws -> LoadOptions {
    try later.check()
    var options = LoadOptions()
    options.device = device
    options.dtype = try dtype.dtype("--dtype")
    options.cacheDType = try kvCacheDtype.dtype("--kv-cache-dtype")
    if quantize != "none" {
      guard let recipe = QuantizationRecipe(named: quantize) else {
        throw UsageError(
          "--quantize \(quantize) is not known; known are none, \(QuantizationRecipe.names.joined(separator: ", "))")
      }
      options.quantization = recipe
    }
    options.loadFormat = loadFormat
    options.threads = threads
    let positive = [
      ("--max-batch-size", maxBatchSize), ("--max-tokens-per-step", maxTokensPerStep),
      ("--prefill-chunk", prefillChunk), ("--max-sequence-length", maxSequenceLength), ("--block-size", blockSize),
      ("--kv-cache-memory", kvCacheMemory?.value), ("--threads", threads),
    ]
    for case (let name, let value?) in positive where value < 1 {
      throw UsageError("\(name) is \(value); it must be 1 or more")
    }
    guard gpuMemoryFraction > 0, gpuMemoryFraction <= 1 else {
      throw UsageError("--gpu-memory-fraction is \(gpuMemoryFraction); it must be more than 0 and at most 1")
    }
    options.isDeterministic = deterministic.map { $0 == .on }
    options.allowsLibraries = libraries == .all
    options.gpuMemoryFraction = gpuMemoryFraction
    options.makesGraphsAhead = makeGraphsAhead
    options.givesEmbeddings = embeddings
    options.timesSteps = verbose
    options.notice = { Terminal.error("note: \($0)") }
    options.limits.maximumSequences = maxBatchSize
    options.limits.tokensPerStep = maxTokensPerStep
    options.limits.tokensPerPrefillChunk = prefillChunk
    options.limits.maximumSequenceLength = maxSequenceLength
    options.limits.cacheBytes = kvCacheMemory?.value
    options.limits.blockSize = blockSize
    options.limits.reusesPrefixes = prefixCache.map { $0 == .on }
    options.limits.capacityPolicy = capacityPolicy
    return options
  }

  /// Loads the model, with a bar while that takes long. `change` makes its limits those that a command needs; an engine's
  /// are what they were when it was built. `reusesPrefixes`: whether prompts share what they begin with, unless an option
  /// says otherwise.
  func load(reusesPrefixes: Bool = true, _ change: (inout LoadOptions) -> Void = { _ in }) async throws -> LLM {
    var options = try loadOptions()
    options.limits.reusesPrefixes = options.limits.reusesPrefixes ?? reusesPrefixes
    let directory = try directory()
    if !EngineArchive.isArchive(directory) { change(&options) }
    let bar = ProgressBar("loading")
    options.progress = { bar.update($0) }
    let llm: LLM
    do {
      defer { bar.finish() }
      llm = try await LLM(directory, options: options)
    }
    if verbose {
      for part in llm.startTimes.parts {
        let detail = part.detail.map { ": \($0)" } ?? ""
        Terminal.error("\(part.name) \(Show.time(seconds: part.duration.seconds))\(detail)")
      }
    }
    return llm
  }
}

/// Options of what is not there yet: their neutral values are taken, the others answered with one sentence.
struct LaterOptions: ParsableArguments {
  @Option var tensorParallel = 1
  @Option var pipelineParallel = 1
  @Option var expertParallel = 1
  @Option var draft: String?
  @Option var draftLength: Int?
  @Option var speculate: String?

  func check() throws {
    let ranks = [
      ("--tensor-parallel", tensorParallel), ("--pipeline-parallel", pipelineParallel),
      ("--expert-parallel", expertParallel),
    ]
    for (name, count) in ranks where count != 1 {
      throw UsageError("\(name) \(count) is not there yet; a model runs on one device")
    }
    guard draft == nil, draftLength == nil, speculate == nil else {
      throw UsageError("--draft, --draft-length and --speculate are not there yet")
    }
  }
}
