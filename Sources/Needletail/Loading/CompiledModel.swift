import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels
import NeedletailModels
import NeedletailRuntime

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

  /// Opens the device, chooses sizes and compiles. `inspect` is given the graph as recorded and after each pass.
  public init(
    _ package: ModelPackage, options: LoadOptions,
    inspect: (_ pass: String, _ graph: Graph) throws -> Void = { _, _ in }
  ) throws {
    try self.init(
      package, on: try options.openDevice(for: package.directory.path), options: options, inspect: inspect)
  }

  /// Chooses sizes for a device and compiles.
  /// - Throws: one sentence, before any weight is read: also where the model does not fit the device's memory.
  public init(
    _ package: ModelPackage, on device: any Device, options: LoadOptions,
    inspect: (_ pass: String, _ graph: Graph) throws -> Void = { _, _ in }
  ) throws {
    self.package = package
    self.device = device
    if let archive = package.archive {
      try archive.check(options, on: device)
      (plan, precision) = (archive.manifest.plan, archive.manifest.precision)
      blockCount = try archive.blockCount(options, on: device)
      return
    }
    for note in package.notes { options.notice?(note) }
    let precision = try Self.precision(package, options, device.catalog)
    self.precision = precision
    let model = package.model
    func compile(_ limits: PlanLimits, inspects: Bool) throws -> Plan {
      let graph = try model.trace(
        maximumSequenceLength: limits.sequenceLength, givesHidden: options.givesEmbeddings)
      var compiling = CompilerOptions(precision: precision, limits: limits, storedType: package.storedType)
      compiling.recipe = try package.recipes(options.quantization)
      if precision.cache == .float8e4m3 { compiling.cacheScales = package.coded?.cacheScales ?? [:] }
      return try Compiler(catalog: device.catalog).compile(graph, compiling) { if inspects { try inspect($0, $1) } }
    }
    let defaults = device.catalog.target.device == "cuda" ? EngineLimits.DeviceDefaults.cuda : .cpu
    guard let budget = try MemoryBudget(device, fraction: options.gpuMemoryFraction) else {
      let sizes = try EngineSizes(model, limits: options.limits, cacheDType: precision.cache, device: defaults)
      (plan, blockCount) = (try compile(sizes.plan, inspects: true), sizes.blockCount)
      return
    }
    // First as if activations took nothing, then with what the plan says.
    let room = try budget.roomForCache(besideWeights: package.weightBytes(options.quantization, precision.dtype))
    var sizes = try EngineSizes(
      model, limits: options.limits, cacheDType: precision.cache, device: defaults, freeBytes: room)
    var plan = try compile(sizes.plan, inspects: true)
    let blocks = try budget.blocks(
      besidePlan: device.bytesNeeded(by: plan), blockBytes: plan.cacheBytesPerToken * plan.limits.blockSize,
      blockSize: plan.limits.blockSize, wanted: sizes.blockCount,
      isAsked: options.limits.cacheTokens != nil || options.limits.cacheBytes != nil)
    if blocks * plan.limits.blockSize < plan.limits.sequenceLength {
      // The longest request is shorter than thought.
      var limits = options.limits
      limits.cacheTokens = blocks * plan.limits.blockSize
      sizes = try EngineSizes(model, limits: limits, cacheDType: precision.cache, device: defaults, freeBytes: room)
      plan = try compile(sizes.plan, inspects: false)
    }
    (self.plan, blockCount) = (plan, blocks)
  }

  private static func precision(
    _ package: ModelPackage, _ options: LoadOptions, _ catalog: any KernelCatalog
  ) throws -> PrecisionPolicy {
    let dtype = options.dtype ?? package.mainDType
    guard [.float32, .bfloat16, .float16].contains(dtype) else {
      throw LoadError("the model cannot run in \(dtype.name); choose float32, bfloat16 or float16")
    }
    let cacheDType = options.cacheDType ?? options.quantization?.cache ?? package.coded?.cache ?? dtype
    guard catalog.cacheTypes.contains(cacheDType) else {
      let names = catalog.cacheTypes.sorted { $0.rawValue < $1.rawValue }.map(\.name).joined(separator: ", ")
      throw LoadError("the cache cannot be stored in \(cacheDType.name) on this device; choose one of \(names)")
    }
    return catalog.precision(dtype, cache: cacheDType)
  }

  /// The same model with another plan of the same weights and limits.
  public func with(plan: Plan) -> CompiledModel { CompiledModel(self, plan: plan) }

  private init(_ other: CompiledModel, plan: Plan) {
    (package, device, precision, blockCount) = (other.package, other.device, other.precision, other.blockCount)
    self.plan = plan
  }

  /// Tokens that the cache holds.
  public var cacheTokens: Int { blockCount * plan.limits.blockSize }

  /// "The cache holds 812,544 tokens, 6 requests of 131,072."
  public var cacheSentence: String {
    let length = plan.limits.sequenceLength
    let requests = blockCount / max(plan.limits.blocksPerSequence, 1)
    return "the cache holds \(grouped(cacheTokens)) tokens, \(grouped(requests)) "
      + "request\(requests == 1 ? "" : "s") of \(grouped(length)), in \(gibibytes(cacheTokens * plan.cacheBytesPerToken))"
  }

  /// Prepares the weights and starts an engine.
  public func start(seed: UInt64 = 0, limits: EngineLimits, progress: (@Sendable (Double) -> Void)? = nil) throws
    -> Engine
  {
    try Engine(executor: try executor(seed: seed, progress: progress), limits: limits)
  }

  /// Prepares the weights for running steps without an engine, for measuring.
  public func executor(seed: UInt64 = 0, progress: (@Sendable (Double) -> Void)? = nil) throws -> PlanExecutor {
    if let archive = package.archive {
      return try PlanExecutor(
        try device.load(plan, prepared: archive, blockCount: blockCount, progress: progress))
    }
    let loaded = try device.load(
      plan, weights: try package.weightSource(seed: seed), blockCount: blockCount, progress: progress)
    return try PlanExecutor(loaded)
  }
}

/// 1234567 as "1,234,567"; what is less than 0 keeps its sign.
package func grouped(_ value: Int) -> String {
  var digits = String(value.magnitude)[...]
  var text = ""
  while digits.count > 3 {
    text = ",\(digits.suffix(3))" + text
    digits = digits.dropLast(3)
  }
  return (value < 0 ? "-" : "") + digits + text
}
