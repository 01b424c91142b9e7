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
    precision = PrecisionPolicy(dtype, cache: cacheDType)
    try options.limits.validate()
    let sizes = try EngineSizes(package.model, limits: options.limits, cacheDType: cacheDType)
    blockCount = sizes.blockCount
    let graph = try package.model.trace(maximumSequenceLength: sizes.plan.sequenceLength)
    plan = try Compiler(catalog: device.catalog).compile(
      graph, CompilerOptions(precision: precision, limits: sizes.plan, storedType: package.storedType),
      inspect: inspect)
  }

  private static func device(_ options: LoadOptions) throws -> any Device {
    switch options.device {
    case .auto, .cpu: try CPUDevice(threads: options.threads)
    case .cuda: throw LoadError("there is no CUDA device in this version; leave out --device, or choose cpu")
    }
  }

  /// Prepares the weights and starts an engine.
  public func start(seed: UInt64 = 0, limits: EngineLimits, progress: (@Sendable (Double) -> Void)? = nil) throws -> Engine {
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

/// The sizes of an engine: those asked for, the others chosen.
struct EngineSizes {
  let plan: PlanLimits
  let blockCount: Int

  // Logits of a step take no more than this unless asked to.
  private static let usualLogitsBytes = 256 << 20

  init(_ model: any LanguageModel, limits: EngineLimits, cacheDType: DType) throws {
    let blockSize = limits.blockSize ?? 16
    let sequences = limits.maximumSequences ?? 64
    let wanted = limits.maximumSequenceLength ?? model.maximumSequenceLength
    let bytesPerToken = try Self.cacheElementsPerToken(model) * cacheDType.byteCount
    let tokens: Int
    if let asked = limits.cacheTokens {
      tokens = asked
    } else if let bytes = limits.cacheBytes {
      tokens = bytes / max(bytesPerToken, 1)
    } else {
      // A quarter of the memory at most; pages that are never written to are never taken.
      tokens = min(wanted * sequences, Self.physicalMemory / 4 / max(bytesPerToken, 1))
    }
    blockCount = tokens / blockSize
    guard blockCount > 0, blockCount <= Int(Int32.max) else {
      throw LoadError(
        "a cache of \(tokens) tokens has \(blockCount) blocks of \(blockSize); a token takes \(bytesPerToken) bytes")
    }
    let length = min(wanted, blockCount * blockSize)
    if let asked = limits.maximumSequenceLength, length < asked {
      throw LoadError("sequences of \(asked) tokens do not fit the cache of \(blockCount * blockSize) tokens")
    }
    let stepTokens = limits.tokensPerStep ?? 512
    let rowBytes = model.vocabularySize * 4
    let rows = limits.maximumScoredRows ?? max(1, min(sequences, stepTokens), min(stepTokens, Self.usualLogitsBytes / rowBytes))
    plan = PlanLimits(
      tokens: stepTokens, sequences: min(sequences, stepTokens), scoredRows: rows, sequenceLength: length,
      blockSize: blockSize)
  }

  /// Numbers that the caches of all layers keep of a token.
  private static func cacheElementsPerToken(_ model: any LanguageModel) throws -> Int {
    let graph = try model.trace()
    return graph.nodes.reduce(0) { sum, node in
      guard case .attention = node.op else { return sum }
      return sum + [node.inputs[1], node.inputs[2]].reduce(0) { $0 + graph[$1].elements.count }
    }
  }

  private static var physicalMemory: Int {
    max(1 << 30, sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)))
  }
}
