import NeedletailGraph
import NeedletailKernels
import Synchronization

extension CUDADevice {
  /// Brings weights to the GPU, loads or compiles the plan's kernels and allocates all memory.
  public func load(
    _ plan: Plan, weights source: any WeightSource, blockCount: Int, progress: (@Sendable (Double) -> Void)?
  ) throws -> any LoadedPlan {
    // Rows are scaled to unit length by the host only.
    let isScaled = plan.weights.contains { $0.weight.parts.contains(where: \.hasUnitRows) }
    let dummy = isScaled ? nil : source.dummy
    let kernels = dummy.map { DummyWeightKernels.launches(plan, $0) } ?? []
    return try load(plan, blockCount: blockCount, kernels: kernels) { loading in
      if let dummy {
        try loading.makeWeights(dummy)
        try loading.copyWeights(from: source, beside: dummy, progress: progress)
        progress?(1)
      } else {
        try loading.copyWeights(from: source, progress: progress)
      }
    }
  }

  /// The same with weights that lie as the plan's kernels read them.
  public func load(
    _ plan: Plan, prepared: any PreparedWeights, blockCount: Int, progress: (@Sendable (Double) -> Void)?
  ) throws -> any LoadedPlan {
    try load(plan, blockCount: blockCount, kernels: []) { try $0.copyWeights(prepared, progress: progress) }
  }

  private func load(
    _ plan: Plan, blockCount: Int, kernels: [GPULaunch], weights: (borrowing PlanLoading) throws -> Void
  ) throws -> any LoadedPlan {
    do {
      return try loadUnexplained(plan, blockCount: blockCount, kernels: kernels, weights: weights)
    } catch let error as CUDAError where error.isOutOfMemory {
      throw CUDAError(
        "the GPU's memory ran out while the model was loaded, though it was free before: another process has taken it "
          + "(\(error)); try again, or lower --gpu-memory-fraction")
    }
  }

  private func loadUnexplained(
    _ plan: Plan, blockCount: Int, kernels: [GPULaunch], weights: (borrowing PlanLoading) throws -> Void
  ) throws -> CUDAPlan {
    guard plan.target == catalog.target else {
      throw CUDAError("the plan is for \(plan.target.device) \(plan.target.architecture), not for \(summary)")
    }
    let start = ContinuousClock.now
    let context = try context()
    var times = LoadTimes()
    times.context = try openingTime()
    let launches = launches(of: plan) + kernels
    let (cache, libraries) = (cache, libraries)
    let isWanted = Flag(true)
    let modules = Background {
      let start = ContinuousClock.now
      let modules = try LoadedModules(launches, context: context, cache: cache, libraries: libraries) { isWanted.value }
      return (modules, ContinuousClock.now - start)
    }
    let caches = CacheMap(plan, blockCount: blockCount)
    let cacheMemory = Background { try SharedBuffer(context, byteCount: max(caches.byteCount, 1)) }
    var isLoaded = false
    defer {
      // Nothing may go on behind an error: its memory would be missed by the next try, and a program that ends while its
      // threads compile may crash.
      if !isLoaded {
        isWanted.value = false
        _ = try? modules.value()
        _ = try? cacheMemory.value()
      }
    }
    let products = try Self.products(plan, context: context, libraries: libraries)
    let map = memoryMap(of: plan)
    let memory = try SharedBuffer(context, byteCount: map.byteCount)
    let loading = PlanLoading(plan: plan, map: map, memory: memory, context: context, modules: modules)
    let weightStart = ContinuousClock.now
    try weights(loading)
    times.weights = ContinuousClock.now - weightStart
    times.weightBytes = plan.weightBytes
    (_, times.modules) = try modules.value()
    let loaded = try CUDAPlan(
      loading, blockCount: blockCount, caches: caches, cacheMemory: try cacheMemory.value(),
      products: try products?.value(), traits: traits, options: options)
    times.all = ContinuousClock.now - start
    times.origins = try modules.value().0.origins
    loaded.times = times
    isLoaded = true
    return loaded
  }

  /// Opens cuBLASLt, where the plan has products for it.
  private static func products(
    _ plan: Plan, context: Context, libraries: CUDALibraries
  ) throws -> Background<any ProductRunner>? {
    let products = plan.variants.flatMap { $0.launches.compactMap(\.library) }
    guard !products.isEmpty else { return nil }
    let library = try libraries.cublasLt.get()
    return Background { try LibraryProducts(library, context) }
  }
}

/// A yes or no that threads share.
private final class Flag: Sendable {
  private let stored: Atomic<Bool>
  init(_ value: Bool) { stored = Atomic(value) }
  var value: Bool {
    get { stored.load(ordering: .relaxed) }
    set { stored.store(newValue, ordering: .relaxed) }
  }
}

/// What loading a plan took; parts run at the same time.
public struct LoadTimes: Sendable, Hashable {
  /// Opening the GPU, which was begun before.
  public var context = Duration.zero
  /// Finding, compiling and loading kernels.
  public var modules = Duration.zero
  /// Making or copying weights.
  public var weights = Duration.zero
  /// Bytes of them.
  public var weightBytes = 0
  /// Everything.
  public var all = Duration.zero
  /// Files of kernels by where they came from.
  public var origins: [CubinCache.Origin: Int] = [:]
}

/// Memory of a GPU that several owners hold.
final class SharedBuffer: Sendable {
  private let buffer: DeviceBuffer

  init(_ context: Context, byteCount: Int) throws(CUDAError) {
    buffer = try DeviceBuffer(context, byteCount: byteCount)
  }

  var address: UInt64 { buffer.address }
  var byteCount: Int { buffer.byteCount }
}

extension CUDADevice {
  /// All launches that running a plan needs, those that draw tokens among them.
  func launches(of plan: Plan) -> [GPULaunch] {
    plan.variants.flatMap { $0.launches.compactMap(\.gpu) } + CUDASampler.launches(plan, traits)
  }
}
