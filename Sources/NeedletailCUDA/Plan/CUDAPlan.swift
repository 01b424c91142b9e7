import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels
import Synchronization

/// A plan in a GPU's memory.
///
/// All addresses are fixed when it is loaded. A step is one copy of its inputs, the plan's launches and those that
/// sample, and one copy of what was drawn; decode steps run as graphs. Two steps may be in flight: the second takes the
/// first one's tokens on the GPU.
public final class CUDAPlan: LoadedPlan, @unchecked Sendable {
  /// The plan.
  public let plan: Plan
  /// Blocks of the cache.
  public let blockCount: Int
  /// The host prepares a step while another runs.
  public let stepsInFlight = 2
  /// What loading took.
  public internal(set) var times = LoadTimes()
  /// How steps ran so far.
  public var stepFigures: StepFigures { figures.withLock { $0 } }
  let figures = Mutex(StepFigures())
  /// The context it lives in.
  public let context: Context
  let map: DeviceMemoryMap
  let memory: SharedBuffer
  let cacheMemory: SharedBuffer
  let modules: LoadedModules
  var variants: [LoadedVariant] = []
  let sampler: CUDASampler
  let stream: Stream
  /// Copies of inputs, ahead of their steps.
  let incoming: Stream
  /// Copies of what steps have drawn, beside the next step.
  let outgoing: Stream
  /// Where graphs are recorded; nothing runs in it.
  let recording: Stream
  let buckets: DecodeBuckets
  private(set) var usesGraphs = true
  var graphs: [GraphKey: DecodeGraph] = [:]
  /// Graphs that could not be made; their steps run launch by launch.
  var refusedGraphs: Set<GraphKey> = []
  var slots: [StepSlot]
  var nextSlot = 0
  // The counts of the last step, which tell how much of an output is meaningful.
  var counts = StepCounts(tokens: 0, sequences: 0, scoredRows: 0)
  let vocabularySize: Int

  init(
    _ loading: PlanLoading, blockCount: Int, caches: CacheMap, cacheMemory: SharedBuffer,
    products: (any ProductRunner)?,
    traits: GPUTraits, options: CUDADevice.Options
  ) throws {
    let (plan, map, memory, context) = (loading.plan, loading.map, loading.memory, loading.context)
    let modules = try loading.modules.value().0
    (self.plan, self.map, self.memory, self.cacheMemory) = (plan, map, memory, cacheMemory)
    (self.context, self.blockCount, self.modules) = (context, blockCount, modules)
    buckets = DecodeBuckets(maximum: min(plan.limits.sequences, plan.limits.tokens, plan.limits.scoredRows))
    stream = try Stream(context, isHighPriority: true)
    recording = try Stream(context)
    vocabularySize = plan.outputs.first { $0.name == "logits" }?.type.width ?? 0
    let slotBytes = StepLayout(plan.limits.maximumCounts, plan.limits).byteCount
    let resultBytes = SampleLayout(rows: plan.limits.scoredRows, maximumTop: SampleLayout.topLimit).byteCount
    slots = try (0..<2).map {
      try StepSlot(
        context, side: $0, inputBytes: slotBytes, resultBytes: resultBytes, takesTime: options.timesSteps)
    }
    incoming = try Stream(context, isHighPriority: true)
    outgoing = try Stream(context, isHighPriority: true)
    sampler = CUDASampler(plan, traits, modules: modules, map: map, memory: memory, context: context)
    func address(_ reference: BufferReference) throws -> UInt64 {
      if case .cache(let layer) = reference.buffer {
        return cacheMemory.address + UInt64(caches.offsets[layer] + reference.offset)
      }
      guard let region = map.regions[reference.buffer] else { throw CUDAError("the plan has no \(reference)") }
      return memory.address + UInt64(region.offset + reference.offset)
    }
    variants = try plan.variants.map {
      try LoadedVariant(
        $0, limits: plan.limits, blockCount: blockCount, modules: modules, products: products,
        options: options, driver: context.driver, address: address)
    }
    try clear()
    for (index, values) in plan.constants.enumerated() where !values.isEmpty {
      let target = try address(BufferReference(.constant(index)))
      try values.withUnsafeBytes { try stream.copy($0, toDevice: target) }
    }
    try stream.synchronize()
    usesGraphs = options.usesGraphs && !options.waitsForLaunches
    if usesGraphs, options.makesGraphsAhead { try makeGraphs() }
  }

  /// Zeroes what must be zero before the first step: counters, and all that a step may read before it is written.
  private func clear() throws {
    let regions = [try region(of: .counters), map.samplingScratch] + map.sides.flatMap { [$0.inputs, $0.sampled] }
    for region in regions {
      try stream.fill(memory.address + UInt64(region.offset), byteCount: max(region.byteCount, 1), with: 0)
    }
  }

  deinit {
    // Steps may still run that use the memory.
    try? stream.synchronize()
    try? outgoing.synchronize()
  }

  /// Where a step of a side finds what steps have for themselves.
  func places(_ side: Int) -> StepPlaces {
    StepPlaces(inputs: address(map.sides[side].inputs), tokensBefore: address(map.sides[1 - side].sampled))
  }

  func address(_ region: DeviceMemoryMap.Region) -> UInt64 { memory.address + UInt64(region.offset) }

  /// The address of a buffer that lies outside the cache, step inputs excepted.
  func region(of buffer: Buffer) throws -> DeviceMemoryMap.Region {
    guard let region = map.regions[buffer] else { throw CUDAError("the plan has no \(BufferReference(buffer))") }
    return region
  }
}

/// How a plan's steps ran on a GPU, as the host saw it.
public struct StepFigures: Sendable, Hashable {
  /// Graphs made.
  public var graphs = 0
  /// The longest time the host took to make one.
  public var longestGraph = Duration.zero
  /// Steps that ran as graphs.
  public var replayed = 0
  /// Steps that ran launch by launch.
  public var eager = 0
  /// Time the GPU took for steps; zero unless steps are timed.
  public var computing = Duration.zero
  /// Time the host took to submit steps, graphs not counted.
  public var submitting = Duration.zero
  /// Time the host waited for results.
  public var waiting = Duration.zero
}
