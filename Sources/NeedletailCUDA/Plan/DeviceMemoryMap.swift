import NeedletailGraph
import NeedletailKernels

/// Where a plan's buffers lie in one piece of a GPU's memory; the cache, whose size is what is left, lies in another.
struct DeviceMemoryMap: Sendable {
  /// Regions start at multiples of it, which suits every copy and every tensor map.
  static let alignment = 1024
  /// Penalties, biases and masks of a step; steps that need more get more.
  static let samplingTailBytes = 4 << 20
  /// What the driver takes for modules, local memory and graphs, besides what is planned.
  static let reserveBytes = 384 << 20

  /// A region.
  struct Region: Hashable, Sendable {
    var offset: Int
    var byteCount: Int
  }

  /// Bytes of all regions.
  private(set) var byteCount = 0
  /// What a step has for itself. There are two, used in turn, so that a step's inputs are copied while the one before
  /// runs, and what that one drew while it runs itself.
  struct Side: Hashable, Sendable {
    /// Inputs, as `StepLayout` divides them.
    var inputs: Region
    /// Penalties, biases and masks.
    var tail: Region
    /// What is drawn, as `SampleLayout` divides it; the tokens, which the next step takes, come first.
    var sampled: Region
  }

  /// Regions of buffers that launches refer to, those of steps in flight excepted.
  private(set) var regions: [Buffer: Region] = [:]
  /// What steps in flight have.
  private(set) var sides: [Side] = []
  /// What the sampling kernels keep between each other.
  private(set) var samplingScratch = Region(offset: 0, byteCount: 0)

  /// The map of a plan.
  init(_ plan: Plan, samplingScratchBytes: Int) {
    let limits = plan.limits
    for (index, weight) in plan.weights.enumerated() { regions[.weight(index)] = add(weight.byteCount) }
    for (index, values) in plan.constants.enumerated() { regions[.constant(index)] = add(values.count * 4) }
    regions[.activations] = add(plan.activationBytes)
    for input in plan.inputs { regions[.input(input.name)] = add(input.type.bytes(in: limits.maximumCounts)) }
    for output in plan.outputs { regions[.output(output.name)] = add(output.type.bytes(in: limits.maximumCounts)) }
    regions[.counters] = add(Buffer.counterBytes)
    for _ in 0..<2 {
      sides.append(
        Side(
          inputs: add(StepLayout(limits.maximumCounts, limits).byteCount), tail: add(Self.samplingTailBytes),
          sampled: add(SampleLayout(rows: limits.scoredRows, maximumTop: SampleLayout.topLimit).byteCount)))
    }
    samplingScratch = add(samplingScratchBytes)
  }

  private mutating func add(_ bytes: Int) -> Region {
    defer { byteCount += (max(bytes, 1) + Self.alignment - 1) / Self.alignment * Self.alignment }
    return Region(offset: byteCount, byteCount: bytes)
  }
}

/// Where the caches of a plan's layers lie.
struct CacheMap: Sendable {
  /// Bytes from the start to each layer's cache.
  let offsets: [Int]
  /// Bytes of all of them.
  let byteCount: Int

  /// The caches of a plan with some blocks.
  init(_ plan: Plan, blockCount: Int) {
    var (offsets, end): ([Int], Int) = ([], 0)
    for cache in plan.caches {
      offsets.append(end)
      let bytes = blockCount * plan.limits.blockSize * cache.bytesPerToken
      end += (bytes + DeviceMemoryMap.alignment - 1) / DeviceMemoryMap.alignment * DeviceMemoryMap.alignment
    }
    (self.offsets, byteCount) = (offsets, end)
  }
}

extension PlanLimits {
  /// The largest counts of a step, all its sequences decoding.
  var maximumCounts: StepCounts {
    StepCounts(tokens: tokens, sequences: sequences, scoredRows: scoredRows, decodes: min(tokens, sequences))
  }
}
