import Dispatch
import Logging
import NeedletailCUDA
import NeedletailCheckpoint
import NeedletailGraph
import NeedletailJSON
import NeedletailKernels
import NeedletailModels
import NeedletailRuntime
import NeedletailTokenizer

/// A language model that is loaded and running.
///
///     let llm = try await LLM("Demo/needle-5m")
///     for try await piece in try llm.stream("Once upon a time") { print(piece, terminator: "") }
///
/// Requests from any number of tasks share its steps; none changes another's text. It stops when nobody holds it or a
/// stream of it.
public final class LLM: Sendable {
  /// The model's directory.
  public let path: String
  /// Text to token ids and back; nil where the directory has no tokenizer (requests are then given as token ids).
  public let tokenizer: Tokenizer?
  /// The chat template; nil where the model has none.
  public let chatTemplate: ChatTemplate?
  /// Runs the requests.
  public let engine: Engine
  /// The plan it runs.
  public let plan: Plan
  /// The device it runs on.
  public let device: any Device
  /// One line about the device: "CPU avx512bf16, 2 threads".
  public var deviceSummary: String { device.summary }
  /// How operands of products are stored.
  public let dtype: DType
  /// What `options` arguments default to: the model's generation_config.json.
  public let defaultOptions: SamplingOptions
  /// Tokens that end an answer.
  public let endTokens: [Int32]
  /// The model's parameter count.
  public let parameterCount: Int
  /// How steps ran so far, for people; nil on the CPU.
  public var stepSentence: String? { (loaded as? CUDAPlan)?.stepFigures.sentence }
  private let loaded: any LoadedPlan
  /// What loading it took.
  public let startTimes: StartTimes
  let specialTokens: JSONObject

  /// Loads a model: a Hugging Face directory, or ORG/NAME in the local cache.
  ///
  /// - Parameters:
  ///   - model: the directory or name.
  ///   - options: device, storage types, sizes.
  ///   - models: the architectures that are known; add your own.
  /// - Throws: one sentence about what is missing or does not fit, before weights are read where it can be known then.
  public convenience init(
    _ model: String, options: LoadOptions = LoadOptions(), models: ModelTable = .standard
  ) async throws {
    let parts: Parts = try await withCheckedThrowingContinuation { continuation in
      // Compiling and preparing weights takes all cores for a while: not on the pool that runs Swift's tasks.
      DispatchQueue.global().async {
        continuation.resume(with: Result { try Parts(model, options: options, models: models) })
      }
    }
    self.init(parts)
  }

  /// Loads a model on the calling thread, which it blocks.
  public convenience init(
    blocking model: String, options: LoadOptions = LoadOptions(), models: ModelTable = .standard
  ) throws {
    self.init(try Parts(model, options: options, models: models))
  }

  private init(_ parts: Parts) {
    let package = parts.compiled.package
    path = package.directory.path
    tokenizer = parts.tokenizer
    chatTemplate = parts.chatTemplate
    engine = parts.engine
    plan = parts.compiled.plan
    device = parts.compiled.device
    dtype = parts.compiled.precision.dtype
    defaultOptions = SamplingOptions(package.directory.generationConfig)
    endTokens = package.directory.generationConfig.endTokenIDs.compactMap { Int32(exactly: $0) }
    parameterCount = package.parameterCount
    startTimes = parts.startTimes
    loaded = parts.loaded
    specialTokens =
      package.directory.tokenizerConfig.map(ChatTemplate.specialTokens(inTokenizerConfig:)) ?? JSONObject()
  }

  /// What a loaded model consists of.
  private struct Parts: Sendable {
    let compiled: CompiledModel
    let tokenizer: Tokenizer?
    let chatTemplate: ChatTemplate?
    let engine: Engine
    let startTimes: StartTimes
    let loaded: any LoadedPlan

    init(_ model: String, options: LoadOptions, models: ModelTable) throws {
      var times = StartTimes()
      // Opening a GPU, reading a tokenizer and compiling have nothing to do with each other.
      let device = Background { try options.openDevice(for: model) }
      let package = try ModelPackage(model, format: options.loadFormat, models: models)
      let directory = package.directory
      let hasTokenizer = directory.has("tokenizer.json") || directory.has("tokenizer.model")
      let tokenizer = Background { hasTokenizer ? try Tokenizer.load(directory: directory.path) : nil }
      chatTemplate = try directory.chatTemplate.map { source throws in try ChatTemplate(source) }
      times.mark("model files")
      let opened = try device.value()
      guard !options.givesEmbeddings || opened.catalog.target.device == "cpu" else {
        throw LoadError("embeddings are made on the CPU only so far; load the model for them with --device cpu")
      }
      times.mark("device")
      compiled = try CompiledModel(package, on: opened, options: options)
      times.mark("compile")
      if compiled.device.catalog.target.device == "cuda" { options.notice?(compiled.cacheSentence) }
      let executor = try compiled.executor(seed: options.dummySeed, progress: options.progress)
      loaded = executor.loaded
      times.mark("load", detail: (executor.loaded as? CUDAPlan)?.times.sentence)
      engine = try Engine(executor: executor, limits: options.limits)
      self.tokenizer = try tokenizer.value()
      times.mark("tokenizer")
      startTimes = times
    }
  }
}

extension SamplingOptions {
  /// The defaults of a model: as the reference does, greedy unless its file asks for sampling.
  init(_ config: GenerationConfig) {
    self.init()
    temperature = config.doesSample == true ? Float(config.temperature ?? 1) : 0
    if config.doesSample == true {
      topK = config.topK ?? 0
      topP = Float(config.topP ?? 1)
      minP = Float(config.minP ?? 0)
    }
    repetitionPenalty = Float(config.repetitionPenalty ?? 1)
    if let maximum = config.maximumNewTokens { maximumTokens = maximum }
    minimumTokens = min(config.minimumNewTokens ?? 0, maximumTokens ?? .max)
    stopStrings = config.stopStrings
  }
}
