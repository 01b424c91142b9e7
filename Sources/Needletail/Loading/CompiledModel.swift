import NeedletailCPU
import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels
import NeedletailModels
import NeedletailRuntime

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A model's plan for a device, with the sizes an engine will have.
///
///     let compiled = try CompiledModel(try ModelPackage("Demo/needle-5m"), options: LoadOptions())
///     print(compiled.plan.variants[0].launches.count)
public struct CompiledModel: Sendable {
  /// What was compiled.
  public let package: ModelPackage
  /// The device.
  public let device: any Device
  /// The plan.
  public let plan: Plan
  /// How values are stored.
  public let precision: PrecisionPolicy
  /// Blocks of the cache.
  public let blockCount: Int

  /// Chooses sizes for the device and compiles. `inspect` is given the graph as recorded and after each pass.
  public init(
    _ package: ModelPackage, options: LoadOptions,
    inspect: (_ pass: String, _ graph: Graph) throws -> Void = { _, _ in }
  ) throws {
    self.package = package
    device = try Self.device(options)
    let dtype = options.dtype ?? package.mainDType
    guard [.float32, .bfloat16, .float16].contains(dtype) else {
      throw LoadError("the model cannot run in \(dtype.name); choose float32, bfloat16 or float16")
    }
    let cacheDType = options.cacheDType ?? dtype
    guard [.float32, .bfloat16, .float16].contains(cacheDType) else {
      throw LoadError("the cache cannot be stored in \(cacheDType.name); choose float32, bfloat16 or float16")
    }
    precision = device.catalog.precision(dtype, cache: cacheDType)
    let sizes = try EngineSizes(package.model, limits: options.limits, cacheDType: cacheDType)
    blockCount = sizes.blockCount
    let graph = try package.model.trace(maximumSequenceLength: sizes.plan.sequenceLength)
    plan = try Compiler(catalog: device.catalog).compile(
      graph, CompilerOptions(precision: precision, limits: sizes.plan, storedType: package.storedType),
      inspect: inspect)
  }

  private static func device(_ options: LoadOptions) throws -> any Device {
    switch options.device {
    case .auto, .cpu: try CPUDevice(threads: options.threads, instructionSet: options.instructionSet)
    case .cuda: throw LoadError("there is no CUDA device in this version; leave out --device, or choose cpu")
    }
  }

  /// Prepares the weights and starts an engine.
  public func start(seed: UInt64 = 0, limits: EngineLimits, progress: (@Sendable (Double) -> Void)? = nil) throws
    -> Engine
  {
    let executor = try executor(seed: seed, progress: progress)
    return try Engine(
      executor: executor, tokensPerPrefillChunk: limits.tokensPerPrefillChunk,
      maximumWaitingRequests: limits.maximumWaitingRequests)
  }

  /// Prepares the weights for running steps without an engine, for measuring.
  public func executor(seed: UInt64 = 0, progress: (@Sendable (Double) -> Void)? = nil) throws -> PlanExecutor {
    let loaded = try device.load(
      plan, weights: try package.weightSource(seed: seed), blockCount: blockCount, progress: progress)
    return try PlanExecutor(loaded)
  }
}

/// The sizes of an engine: those asked for, the others chosen for the device and the model.
struct EngineSizes {
  let plan: PlanLimits
  let blockCount: Int

  // Rows of logits beyond one for each sequence are for scoring prompts; they take no more than this unless asked to.
  private static let usualLogitsBytes = 256 << 20

  init(_ model: any LanguageModel, limits: EngineLimits, cacheDType: DType) throws {
    let graph = try model.trace()
    var size = EngineLimits.ModelSize(
      maximumSequenceLength: model.maximumSequenceLength, vocabularySize: model.vocabularySize,
      cacheBytesPerToken: Self.cacheElementsPerToken(graph) * cacheDType.byteCount)
    // Rotary positions go on past the length a model was made for (that is what "dynamic" is about), a table does not.
    if !Self.hasPositionTable(graph) {
      size.maximumSequenceLength = max(size.maximumSequenceLength, limits.maximumSequenceLength ?? 0)
    }
    // A quarter of the memory at most; pages that are never written to are never taken.
    let resolved = try limits.resolved(for: size, on: .cpu, freeBytes: Self.physicalMemory / 4)
    let scoring = min(resolved.tokensPerStep, Self.usualLogitsBytes / (model.vocabularySize * 4))
    plan = PlanLimits(
      tokens: resolved.tokensPerStep, sequences: min(resolved.maximumSequences, resolved.tokensPerStep),
      scoredRows: limits.maximumScoredRows ?? max(resolved.maximumScoredRows, scoring),
      sequenceLength: resolved.maximumSequenceLength, blockSize: resolved.blockSize)
    blockCount = resolved.blockCount
  }

  /// Numbers that the caches of all layers keep of a token.
  private static func cacheElementsPerToken(_ graph: Graph) -> Int {
    graph.nodes.reduce(0) { sum, node in
      guard case .attention = node.op else { return sum }
      return sum + [node.inputs[1], node.inputs[2]].reduce(0) { $0 + graph[$1].elements.count }
    }
  }

  private static func hasPositionTable(_ graph: Graph) -> Bool {
    let positions = graph.nodes.first { $0.op == .input(StepInput.positions.rawValue) }?.results.first
    return graph.nodes.contains { node in
      guard case .embed = node.op else { return false }
      return node.inputs[1] == positions
    }
  }

  private static var physicalMemory: Int {
    max(1 << 30, sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)))
  }
}
