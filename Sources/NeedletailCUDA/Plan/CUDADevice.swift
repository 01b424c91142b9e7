import NeedletailGraph
import NeedletailKernels

/// A GPU as a device: plans run on it as launches of our own kernels, compiled for it and cached.
///
///     let device = try CUDADevice()
///     let loaded = try device.load(plan, weights: source, blockCount: 4096, progress: nil)
public final class CUDADevice: Device {
  /// How plans are compiled for it and run.
  public struct Options: Sendable, Hashable {
    /// The GPU's number in the driver's order.
    public var ordinal = 0
    /// Every number of rows uses the same order of additions: a request's bits never depend on what else runs.
    public var isDeterministic = false
    /// Whether cuBLASLt may compute large products where it is faster.
    public var allowsLibraries = true
    /// Whether the graphs of all numbers of sequences are made when a plan is loaded instead of when they are first met.
    public var makesGraphsAhead = false
    /// Whether each launch is waited for, so that a failure names the kernel that failed: slow, for finding mistakes.
    /// The environment variable NEEDLETAIL_WAIT_FOR_LAUNCHES, set to 1, turns it on.
    public var waitsForLaunches = SystemFiles.environment("NEEDLETAIL_WAIT_FOR_LAUNCHES") == "1"
    /// Whether decode steps run as graphs. NEEDLETAIL_GRAPHS=0 turns that off.
    public var usesGraphs = SystemFiles.environment("NEEDLETAIL_GRAPHS") != "0"
    /// Whether a kernel may start while the one before it ends. NEEDLETAIL_EARLY_STARTS=0 turns that off.
    public var startsEarly = SystemFiles.environment("NEEDLETAIL_EARLY_STARTS") != "0"
    /// Whether the GPU's time of each step is taken.
    public var timesSteps = false

    /// GPU 0, all that is fast.
    public init() {}
  }

  /// What the GPU is.
  public let properties: DeviceProperties
  /// How plans run.
  public let options: Options
  /// NVIDIA's libraries.
  public let libraries: CUDALibraries
  /// Compiled kernels on disk.
  public let cache: CubinCache
  private let opening: Background<(Context, Duration)>

  /// Finds the GPU and starts to open it, which takes some tenths of a second and is waited for when a plan is loaded.
  /// Throws a sentence where there is no driver, no such GPU, or one that is too old.
  public init(
    _ options: Options = Options(), libraries: CUDALibraries = .shared, cache: CubinCache = CubinCache()
  ) throws {
    let driver = try libraries.driver.get()
    let count = try driver.deviceCount()
    guard options.ordinal >= 0, options.ordinal < count else {
      throw CUDAError(
        count == 0
          ? "the driver sees no GPU; CUDA_VISIBLE_DEVICES may hide them"
          : "there is no GPU \(options.ordinal): the driver sees \(count)")
    }
    properties = try DeviceProperties(driver, ordinal: options.ordinal)
    try properties.requireSupported()
    self.options = options
    self.libraries = libraries
    self.cache = cache
    opening = Background {
      let start = ContinuousClock.now
      return (try Context(driver, ordinal: options.ordinal), ContinuousClock.now - start)
    }
    libraries.openAhead(withProducts: options.allowsLibraries)
  }

  /// The GPU's context; the first call waits until it is open.
  public func context() throws -> Context { try opening.value().0 }

  /// What opening it took.
  func openingTime() throws -> Duration { try opening.value().1 }

  /// What configurations are chosen by.
  public var traits: GPUTraits {
    GPUTraits(
      architecture: properties.architecture, multiprocessors: properties.multiprocessorCount,
      sharedBytesPerBlock: properties.sharedBytesPerBlock, l2Bytes: properties.l2Bytes)
  }

  /// What plans for this GPU are compiled with.
  public var catalog: any KernelCatalog {
    let hasLibrary = options.allowsLibraries && (try? libraries.cublasLt.get()) != nil
    return CUDACatalog(gpu: traits, isDeterministic: options.isDeterministic, allowsLibraries: hasLibrary)
  }

  /// "NVIDIA H200, sm_90a"
  public var summary: String { "\(properties.name), \(properties.architecture)" }

  /// Bytes of the GPU's memory; what other processes and the driver hold is not free.
  public func memory() throws -> DeviceMemory? {
    let memory = try context().memory()
    return DeviceMemory(totalBytes: memory.total, freeBytes: memory.free)
  }

  /// Bytes that a plan takes beside its cache, with what the driver needs for it.
  public func bytesNeeded(by plan: Plan) -> Int {
    let usesLibraries = plan.variants.contains { $0.launches.contains { $0.library != nil } }
    return memoryMap(of: plan).byteCount + DeviceMemoryMap.reserveBytes
      + (usesLibraries ? LibraryProducts.workspaceBytes : 0)
  }

  func memoryMap(of plan: Plan) -> DeviceMemoryMap {
    DeviceMemoryMap(plan, samplingScratchBytes: CUDASampler.scratchBytes(plan, traits))
  }
}
