import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels

/// A plan in this machine's memory.
///
/// All addresses are fixed when it is loaded; a step only writes its inputs and the counts in the argument structs.
final class CPUPlan: LoadedPlan, @unchecked Sendable {
  let plan: Plan
  let blockCount: Int
  private let device: CPUDevice
  private var buffers: [Buffer: CPUBuffer] = [:]
  private var variants: [LoadedVariant] = []
  private var sampler: CPUSampler
  // The counts of the last step, which tell how much of an output is meaningful.
  private var counts = StepCounts(tokens: 0, sequences: 0, scoredRows: 0)

  init(_ plan: Plan, weights: [CPUBuffer], blockCount: Int, device: CPUDevice) throws {
    self.plan = plan
    self.blockCount = blockCount
    self.device = device
    sampler = try CPUSampler(device)
    for (index, weight) in weights.enumerated() { buffers[.weight(index)] = weight }
    for (index, values) in plan.constants.enumerated() {
      let buffer = try CPUBuffer(byteCount: values.count * 4, for: "a constant")
      values.withUnsafeBytes {
        buffer.start.copyMemory(from: $0.baseAddress ?? .init(buffer.start), byteCount: $0.count)
      }
      buffers[.constant(index)] = buffer
    }
    buffers[.activations] = try CPUBuffer(byteCount: plan.activationBytes, for: "activations")
    for input in StepInput.allCases {
      buffers[.step(input)] = try CPUBuffer(byteCount: plan.limits.byteCount(of: input), for: "the step's inputs")
    }
    for input in plan.inputs {
      buffers[.input(input.name)] = try CPUBuffer(byteCount: input.type.bytes(in: plan.limits.counts), for: "inputs")
    }
    for output in plan.outputs {
      buffers[.output(output.name)] = try CPUBuffer(
        byteCount: output.type.bytes(in: plan.limits.counts), for: "outputs")
    }
    for (layer, cache) in plan.caches.enumerated() {
      buffers[.cache(layer: layer)] = try CPUBuffer(
        byteCount: blockCount * plan.limits.blockSize * cache.bytesPerToken, for: "the cache")
    }
    variants = try plan.variants.map { variant in
      try LoadedVariant(variant, kernels: device.kernels) { reference in
        guard let buffer = buffers[reference.buffer] else { throw CPUError("the plan has no \(reference)") }
        return buffer.start + reference.offset
      }
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer, to buffer: Buffer) throws {
    guard let target = buffers[buffer] else { throw CPUError("the plan has no \(BufferReference(buffer))") }
    guard bytes.count <= target.byteCount else {
      throw CPUError("\(bytes.count) bytes do not fit \(BufferReference(buffer)) of \(target.byteCount)")
    }
    guard let source = bytes.baseAddress else { return }
    target.start.copyMemory(from: source, byteCount: bytes.count)
  }

  func forward(_ counts: StepCounts, times: ((Int, [UInt64]) -> Void)?) throws {
    guard counts.tokens <= plan.limits.tokens, counts.sequences <= plan.limits.sequences,
      counts.scoredRows <= plan.limits.scoredRows
    else { throw CPUError("a step of \(counts) is larger than the plan's \(plan.limits.counts)") }
    self.counts = counts
    let index = plan.variant(tokens: counts.tokens)
    let measured = variants[index].run(counts, on: device.pool, isTimed: times != nil)
    if let times { times(index, measured) }
  }

  func sample(_ request: SampleRequest) throws -> SampleResult {
    guard let logits = plan.outputs.first(where: { $0.name == "logits" }), let buffer = buffers[.output("logits")]
    else {
      throw CPUError("the plan has no output logits")
    }
    guard request.rows.count <= counts.scoredRows else {
      throw CPUError("\(request.rows.count) rows to sample, but \(counts.scoredRows) were scored")
    }
    return sampler.sample(
      request, logits: buffer.start.assumingMemoryBound(to: Float.self), vocabulary: logits.type.width)
  }

  func withOutput<Result>(_ name: String, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
    guard let output = plan.outputs.first(where: { $0.name == name }), let buffer = buffers[.output(name)] else {
      throw CPUError("the plan has no output \(name)")
    }
    return try body(UnsafeRawBufferPointer(start: buffer.start, count: output.type.bytes(in: counts)))
  }
}

extension PlanLimits {
  /// Bytes of a step input at these limits.
  func byteCount(of input: StepInput) -> Int {
    switch input {
    case .tokenIDs, .positions: tokens * 4
    case .slots: tokens * 8
    case .queryStarts: (sequences + 1) * 4
    case .contextLengths: sequences * 4
    case .blockTables: sequences * blocksPerSequence * 4
    case .scoredRows: scoredRows * 4
    }
  }
}
