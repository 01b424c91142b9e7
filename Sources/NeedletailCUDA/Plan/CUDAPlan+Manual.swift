import NeedletailGraph
import NeedletailKernels

// A step by hand: inputs are written one by one, and everything is waited for.
extension CUDAPlan {
  /// The layout of inputs that are written by hand: they may be of any step.
  private var manualLayout: StepLayout { StepLayout(plan.limits.maximumCounts, plan.limits) }

  /// Copies bytes to the start of a step input, a graph's own input, or any other buffer.
  public func write(_ bytes: UnsafeRawBufferPointer, to buffer: Buffer) throws {
    let (start, capacity): (UInt64, Int)
    if case .step(let input) = buffer {
      let offset = manualLayout.offset(of: input)
      let region = map.sides[0].inputs
      (start, capacity) = (address(region) + UInt64(offset), region.byteCount - offset)
    } else if case .cache = buffer {
      throw CUDAError("the cache is written by kernels only")
    } else {
      let region = try region(of: buffer)
      (start, capacity) = (address(region), region.byteCount)
    }
    guard bytes.count <= capacity else {
      throw CUDAError("\(bytes.count) bytes do not fit \(BufferReference(buffer)) of \(capacity)")
    }
    try stream.copy(bytes, toDevice: start)
    try stream.synchronize()
  }

  /// Runs the launches of a step. `times`, if given, gets the nanoseconds from each launch to the next; they do not
  /// overlap then.
  public func forward(_ counts: StepCounts, times: ((Int, [UInt64]) -> Void)?) throws {
    try check(counts)
    self.counts = counts
    try run(counts, layout: manualLayout, side: 0, times: times)
    try stream.synchronize()
  }

  /// Runs a step's launches; waits for them where their times are wanted.
  func run(_ counts: StepCounts, layout: StepLayout, side: Int, times: ((Int, [UInt64]) -> Void)?) throws {
    let index = plan.variant(tokens: counts.tokens)
    let places = places(side)
    guard let times else {
      return try variants[index].run(counts, layout: layout, at: places, in: stream)
    }
    let marks = try (0...variants[index].launchCount).map { _ in try TimeMark(context) }
    try variants[index].run(counts, layout: layout, at: places, in: stream) { launch in
      try self.stream.record(marks[launch].event)
    }
    try stream.synchronize()
    times(
      index,
      try (1..<marks.count).map { UInt64(max(0, try marks[$0].event.seconds(since: marks[$0 - 1].event)) * 1e9) })
  }

  /// Chooses a token for each scored row of the step that `forward` ran.
  public func sample(_ request: SampleRequest) throws -> SampleResult {
    guard request.rows.count <= counts.scoredRows else {
      throw CUDAError("\(request.rows.count) rows to sample, but \(counts.scoredRows) were scored")
    }
    let layout = SampleLayout(rows: request.rows.count, maximumTop: request.maximumTop)
    let slot = slots[0]
    try slot.event.synchronize()
    let step = manualLayout
    let target = address(map.sides[0].inputs)
    let bytes = sampler.fill(slot.inputs + step.sampling, request, padding: 0)
    try stream.copy(
      UnsafeRawBufferPointer(start: slot.inputs + step.sampling, count: bytes),
      toDevice: target + UInt64(step.sampling))
    if try sampler.copyTail(request, slot, in: stream) { graphs = [:] }
    try sampler.run(SamplingKind(request), layout, side: 0, parameters: target + UInt64(step.sampling), in: stream)
    try stream.copy(fromDevice: address(map.sides[0].sampled), to: slot.results(layout.byteCount))
    try stream.synchronize()
    return slot.result(layout, rows: request.rows.count)
  }

  /// Calls `body` with the bytes of an output after the step has finished.
  public func withOutput<Result>(_ name: String, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
    guard let output = plan.outputs.first(where: { $0.name == name }) else {
      throw CUDAError("the plan has no output \(name)")
    }
    let bytes = output.type.bytes(in: counts)
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 64)
    defer { copy.deallocate() }
    try stream.copy(fromDevice: address(try region(of: .output(name))), to: copy)
    try stream.synchronize()
    return try body(UnsafeRawBufferPointer(copy))
  }

  func check(_ counts: StepCounts) throws(CUDAError) {
    guard counts.tokens <= plan.limits.tokens, counts.sequences <= plan.limits.sequences,
      counts.scoredRows <= plan.limits.scoredRows, counts.decodes <= min(counts.sequences, counts.tokens)
    else { throw CUDAError("a step of \(counts) is larger than the plan's \(plan.limits.counts)") }
  }
}

/// An event that takes the time, which a list can hold.
private final class TimeMark {
  let event: Event
  init(_ context: Context) throws(CUDAError) { event = try Event(context, takesTime: true) }
}
