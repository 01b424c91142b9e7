import NeedletailGraph
import NeedletailKernels

extension CUDAPlan {
  /// Starts a step and returns while it runs; with `times` the step is waited for.
  public func submit(_ step: PlanStep, times: ((Int, [UInt64]) -> Void)?) throws -> any PendingPlanStep {
    let start = ContinuousClock.now
    try check(step.counts)
    counts = step.counts
    let slot = slots[nextSlot]
    nextSlot = 1 - nextSlot
    // The step that used it two steps ago has been waited for, unless nobody wanted its result.
    try slot.event.synchronize()
    let side = slot.side
    if let sampling = step.sampling, try sampler.copyTail(sampling, slot, in: incoming) {
      graphs = graphs.filter { $0.key.side != side }
    }
    let key = times == nil ? graphKey(step, side: side) : nil
    let graph = key.flatMap { graphs[$0] }
    let padded = graph?.counts ?? step.counts
    let layout = graph?.layout ?? StepLayout(padded, plan.limits)
    var copied = layout.fill(slot.inputs, with: step, padded: padded)
    var drawn: SampleLayout?
    if let sampling = step.sampling {
      let padding = padded.scoredRows - sampling.rows.count
      let end = layout.sampling + sampler.fill(slot.inputs + layout.sampling, sampling, padding: padding)
      copied = max(copied, end)
      drawn = SampleLayout(rows: padded.scoredRows, maximumTop: sampling.maximumTop)
    }
    try incoming.copy(
      UnsafeRawBufferPointer(start: slot.inputs, count: copied), toDevice: address(map.sides[side].inputs))
    try incoming.record(slot.arrived)
    try stream.wait(for: slot.arrived)
    if let started = slot.started { try stream.record(started.event) }
    if let graph {
      try stream.launch(graph.executable)
    } else {
      try run(step.counts, layout: layout, side: side, times: times)
      if let sampling = step.sampling, let drawn {
        let parameters = address(map.sides[side].inputs) + UInt64(layout.sampling)
        try sampler.run(SamplingKind(sampling), drawn, side: side, parameters: parameters, in: stream)
      }
    }
    let logits = try copyRows(of: .logits, step.hostRows, slot)
    let hidden = try copyRows(of: .hidden, step.hiddenRows, slot)
    try stream.record(slot.computed)
    try outgoing.wait(for: slot.computed)
    let wantsAll = step.sampling.map { $0.maximumTop > 0 || $0.rows.contains { $0.wants_logprob != 0 } } ?? false
    if let drawn {
      let bytes = wantsAll ? drawn.byteCount : step.scoredRows.count * 4
      try outgoing.copy(fromDevice: address(map.sides[side].sampled), to: slot.results(bytes))
    }
    try outgoing.record(slot.event)
    let submitting = ContinuousClock.now - start
    figures.withLock {
      $0.submitting += submitting
      if graph == nil { $0.eager += 1 } else { $0.replayed += 1 }
    }
    // The GPU works meanwhile.
    if let key, graph == nil { makeGraph(key) }
    return CUDAPendingStep(
      self, slot, layout: drawn, rows: step.scoredRows.count, all: wantsAll,
      outputs: [.logits: logits, .hidden: hidden].compactMapValues(\.self))
  }

  /// Adds what a step took to the figures, once it has run.
  fileprivate func add(waiting: Duration, _ slot: StepSlot) throws {
    let computing = try slot.started.map { try slot.computed.seconds(since: $0.event) } ?? 0
    figures.withLock {
      $0.waiting += waiting
      $0.computing += .seconds(computing)
    }
  }

  /// Copies the rows of an output that the host reads, before the next step overwrites them.
  private func copyRows(of output: StepOutput, _ rows: [Int32], _ slot: StepSlot) throws -> HostRows? {
    guard !rows.isEmpty else { return nil }
    guard let width = plan.width(of: output) else { throw CUDAError("the plan has no output \(output.rawValue)") }
    let source = address(try region(of: .output(output.rawValue)))
    let rowBytes = width * 4
    let target = try slot.rows(of: output, rows.count * rowBytes)
    var first = 0
    while first < rows.count {
      var end = first + 1
      while end < rows.count, rows[end] == rows[end - 1] + 1 { end += 1 }
      try stream.copy(
        fromDevice: source + UInt64(Int(rows[first]) * rowBytes),
        to: UnsafeMutableRawBufferPointer(start: target + first * rowBytes, count: (end - first) * rowBytes))
      first = end
    }
    return HostRows(rows: rows, width: width, start: UnsafePointer(target.assumingMemoryBound(to: Float.self)))
  }
}

/// Rows of an output that were copied to the host, one behind the other.
private struct HostRows {
  var rows: [Int32]
  var width: Int
  var start: UnsafePointer<Float>
}

/// A step that runs on a GPU.
private final class CUDAPendingStep: PendingPlanStep {
  private let plan: CUDAPlan
  private let slot: StepSlot
  private let layout: SampleLayout?
  private let rows: Int
  private let all: Bool
  private let outputs: [StepOutput: HostRows]

  init(
    _ plan: CUDAPlan, _ slot: StepSlot, layout: SampleLayout?, rows: Int, all: Bool,
    outputs: [StepOutput: HostRows]
  ) {
    self.plan = plan
    self.slot = slot
    self.layout = layout
    self.rows = rows
    self.all = all
    self.outputs = outputs
  }

  func result() throws -> SampleResult {
    let start = ContinuousClock.now
    try slot.event.synchronize()
    let waiting = ContinuousClock.now - start
    try plan.add(waiting: waiting, slot)
    guard let layout else { return SampleResult(rowCount: 0, maximumTop: 0) }
    return slot.result(layout, rows: rows, all: all)
  }

  func withRows(of output: StepOutput, _ rows: Range<Int>, _ body: (UnsafePointer<Float>) throws -> Void) throws {
    guard let copied = outputs[output], let first = copied.rows.firstIndex(of: Int32(rows.lowerBound)),
      first + rows.count <= copied.rows.count, copied.rows[first + rows.count - 1] == Int32(rows.upperBound - 1)
    else { throw CUDAError("rows \(rows) of \(output.rawValue) were not asked for") }
    try body(copied.start + first * copied.width)
  }
}
