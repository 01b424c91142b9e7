import NeedletailGraph
import NeedletailKernels

extension CUDAPlan: MeasurablePlan {
  /// Launches of one kind that one graph holds at least, so that the graph's own start does not count.
  private static let launchesPerGraph = 64
  /// Replays of one graph go on for no longer than this, if there are three of them.
  private static let longestMeasuring = Duration.milliseconds(400)

  /// Times a step, whole and launch by launch.
  ///
  /// Launches that are alike but for the layer are timed together: a graph of all of them, one after the other as often
  /// as makes at least 64, is replayed `repeats` times. Going through the layers, it reads other weights and another part
  /// of the cache with every launch, more than the second-level cache holds where the model is larger than that. The whole
  /// step is one graph as well, without drawing tokens. What the step computes is lost, and so are the texts whose cache
  /// it writes.
  public func measure(_ step: PlanStep, repeats: Int) throws -> StepMeasurement {
    try fillCache(blocks: step.blockTables.max().map { Int($0) + 1 } ?? 0)
    var forward = step
    forward.sampling = nil
    // Launch by launch, so that inputs and counts are in place, and kernels have run once.
    _ = try submit(forward, times: { _, _ in }).result()
    let counts = step.counts
    let layout = StepLayout(counts, plan.limits)
    // The step has been submitted: its inputs lie on the side that is not the next one's.
    let places = places(1 - nextSlot)
    let index = plan.variant(tokens: counts.tokens)
    let variant = variants[index]

    let running = plan.variants[index].launches.indices.filter {
      plan.variants[index].launches[$0].gpu?.runs(in: counts) ?? true
    }
    let groups = Dictionary(grouping: running) { LaunchKind(plan.variants[index].launches[$0]) }.values
    var seconds = [Double?](repeating: nil, count: variant.launchCount)
    for members in groups {
      // What a launch reads is what those ahead of it wrote, not what others wrote there later: numbers of experts and of
      // rows lead somewhere.
      for number in running where number < members[0] { try variant.launch(number, counts, in: stream) }
      let rounds = max(1, (Self.launchesPerGraph + members.count - 1) / members.count)
      let graph = try recording.capture {
        for _ in 0..<rounds {
          for number in members { try variant.launch(number, counts, in: recording) }
        }
      }
      guard try graph.nodeCount() > 0 else { continue }
      let each = try time(graph, repeats: repeats).median / Double(rounds * members.count)
      for number in members { seconds[number] = each }
    }
    let whole = try recording.capture {
      try variant.run(counts, layout: layout, at: places, in: recording)
    }
    let (median, watts) = try time(whole, repeats: repeats, atLeast: 0.3)
    return StepMeasurement(variant: index, launches: seconds, step: median, watts: watts)
  }

  /// Fills the first blocks of every layer's cache with random numbers within ±0.06: memory that nobody wrote may hold
  /// equal ones, with which everything takes less power and runs faster.
  private func fillCache(blocks: Int) throws {
    let caches = CacheMap(plan, blockCount: blockCount)
    for (layer, cache) in plan.caches.enumerated() {
      let bytes = min(blocks, blockCount) * plan.limits.blockSize * cache.bytesPerToken
      let start = cacheMemory.address + UInt64(caches.offsets[layer])
      try stream.fillRandomly(start, byteCount: bytes, cache.dtype, within: 1 / 16)
    }
  }

  /// Replays a graph: the median of its times, and the watts meanwhile if that took long enough to tell.
  private func time(
    _ graph: borrowing CUDAGraph, repeats: Int, atLeast minimum: Double = 0
  ) throws -> (median: Double, watts: Double?) {
    let executable = try CUDAGraphExec(graph)
    try executable.upload(stream)
    try stream.launch(executable)
    try stream.synchronize()
    let power = PowerMeter(context)
    let watch = try Stopwatch(context)
    let begin = ContinuousClock.now
    let joules = power?.joules
    var times: [Double] = []
    // Long graphs need few replays: what is measured must not take minutes.
    while times.count < 3 || begin.duration(to: .now) < .seconds(minimum)
      || (times.count < repeats && begin.duration(to: .now) < Self.longestMeasuring)
    {
      guard times.count < 100_000 else { break }
      times.append(try watch.seconds(in: stream) { try stream.launch(executable) })
    }
    let passed = begin.duration(to: .now) / .seconds(1)
    let watts = power?.joules.flatMap { after in joules.map { (after - $0) / passed } }
    times.sort()
    return (times[times.count / 2], passed >= 0.25 ? watts : nil)
  }
}

/// What launches that are timed together have in common.
private struct LaunchKind: Hashable {
  let kernel: String
  let problem: String
  let gpu: GPULaunch?
  let library: LibraryProduct?

  init(_ launch: Launch) {
    (kernel, problem, library) = (launch.kernel, launch.problem, launch.library)
    var shape = launch.gpu
    shape?.tensorMaps = []
    gpu = shape
  }
}

/// The driver's count of the energy that a GPU takes.
struct PowerMeter: Sendable {
  private let device: NVMLDevice

  /// A meter; nil where NVML is not there or does not tell.
  init?(_ context: Context) {
    guard let library = try? CUDALibraries.shared.nvml.get(),
      let device = try? library.device(pciBusID: context.device.pciBusID), (try? device.energyJoules()) != nil
    else { return nil }
    self.device = device
  }

  /// Joules since the driver was loaded.
  var joules: Double? { try? device.energyJoules() }
}
