import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels

/// Draws tokens from the logits of a step on the GPU.
final class CUDASampler {
  private let context: Context
  private let traits: GPUTraits
  private let vocabulary: Int
  private let modules: LoadedModules
  private let logits, scratch, counters: UInt64
  private let sampled: [UInt64]
  /// Penalties, biases and masks of the two sides.
  private var tails: [Tail]

  private struct Tail {
    var address: UInt64
    var byteCount: Int
    var larger: SharedBuffer?
  }

  init(
    _ plan: Plan, _ traits: GPUTraits, modules: LoadedModules, map: DeviceMemoryMap, memory: SharedBuffer,
    context: Context
  ) {
    self.context = context
    self.traits = traits
    self.modules = modules
    vocabulary = Self.vocabulary(plan)
    func address(_ region: DeviceMemoryMap.Region?) -> UInt64 { memory.address + UInt64(region?.offset ?? 0) }
    logits = address(map.regions[.output("logits")])
    sampled = map.sides.map { address($0.sampled) }
    scratch = address(map.samplingScratch)
    counters = address(map.regions[.counters])
    tails = map.sides.map { Tail(address: address($0.tail), byteCount: $0.tail.byteCount) }
  }

  /// Writes the rows of parameters of a step and of its padding; returns their bytes. Histories, biases and masks follow
  /// each other in one piece of memory, which all three pointers of the kernel's arguments lead to.
  func fill(_ target: UnsafeMutableRawPointer, _ request: SampleRequest, padding: Int) -> Int {
    let rows = target.assumingMemoryBound(to: nt_sampling_row.self)
    let biasStart = Int64(request.history.count)
    let maskStart = 2 * Int64(request.history.count + request.biases.count)
    for (index, row) in request.rows.enumerated() {
      var row = row
      row.bias_start += biasStart
      if row.mask_start >= 0 { row.mask_start += maskStart }
      rows[index] = row
    }
    for index in request.rows.count..<request.rows.count + max(padding, 0) { rows[index] = .padding }
    return (request.rows.count + max(padding, 0)) * MemoryLayout<nt_sampling_row>.stride
  }

  /// Copies histories, biases and masks to the GPU. True where the memory for them has moved, because there were more
  /// than ever before: graphs that read them must be made anew.
  func copyTail(_ request: SampleRequest, _ slot: StepSlot, in stream: borrowing Stream) throws -> Bool {
    let bytes = request.history.count * 8 + request.biases.count * 8 + request.masks.count * 4
    guard bytes > 0 else { return false }
    let moves = bytes > tails[slot.side].byteCount
    if moves {
      // No step in flight reads it: the one that did has been waited for.
      let larger = try SharedBuffer(context, byteCount: 2 * bytes)
      tails[slot.side] = Tail(address: larger.address, byteCount: larger.byteCount, larger: larger)
    }
    let host = try slot.tail(bytes)
    var end = host
    func append<Element>(_ values: [Element]) {
      values.withUnsafeBytes { source in
        guard let base = source.baseAddress else { return }
        end.copyMemory(from: base, byteCount: source.count)
        end += source.count
      }
    }
    append(request.history)
    append(request.biases)
    append(request.masks)
    try stream.copy(UnsafeRawBufferPointer(start: host, count: bytes), toDevice: tails[slot.side].address)
    return moves
  }

  /// Puts the kernels into a stream that draw a token for each row.
  func run(
    _ kind: SamplingKind, _ layout: SampleLayout, side: Int, parameters: UInt64, in stream: borrowing Stream
  ) throws {
    let (sampled, tail) = (sampled[side], tails[side].address)
    var arguments = nt_sample_cuda_arguments()
    arguments.sample.logits = UnsafePointer(bitPattern: UInt(logits))
    arguments.sample.parameters = UnsafePointer(bitPattern: UInt(parameters))
    arguments.sample.history = UnsafePointer(bitPattern: UInt(tail))
    arguments.sample.biases = UnsafePointer(bitPattern: UInt(tail))
    arguments.sample.masks = UnsafePointer(bitPattern: UInt(tail))
    arguments.sample.tokens = UnsafeMutablePointer(bitPattern: UInt(sampled) + UInt(layout.tokens))
    arguments.sample.logprobs = UnsafeMutablePointer(bitPattern: UInt(sampled) + UInt(layout.logProbabilities))
    arguments.sample.top_tokens = UnsafeMutablePointer(bitPattern: UInt(sampled) + UInt(layout.topTokens))
    arguments.sample.top_logprobs = UnsafeMutablePointer(bitPattern: UInt(sampled) + UInt(layout.topLogProbabilities))
    arguments.sample.rows = Int64(layout.rows)
    arguments.sample.vocabulary = Int64(vocabulary)
    arguments.sample.logits_stride = Int64(vocabulary)
    arguments.sample.max_top = Int32(layout.maximumTop)
    arguments.workspace = UnsafeMutableRawPointer(bitPattern: UInt(scratch))
    arguments.counters = UnsafeMutablePointer(bitPattern: UInt(counters))
    let sampling = GPUSampling(vocabulary: vocabulary, maximumRows: layout.rows, on: traits)
    for gpu in sampling.launches(isPlain: kind.isPlain) {
      try stream.launch(gpu, modules, arguments)
    }
  }

  // Plans of other graphs have no logits: nothing is drawn from them.
  private static func vocabulary(_ plan: Plan) -> Int {
    plan.outputs.first { $0.name == "logits" }?.type.width ?? 0
  }

  /// The numbers of rows whose kernels differ: how a row is shared depends on how many there are.
  private static func rowCounts(_ plan: Plan) -> [Int] {
    guard vocabulary(plan) > 0 else { return [] }
    var counts = Array(1...64) + [128, 256, 512, 1024, 4096].filter { $0 < plan.limits.scoredRows }
    counts = counts.filter { $0 <= plan.limits.scoredRows }
    return counts + [plan.limits.scoredRows]
  }

  /// Bytes that the kernels keep between each other.
  static func scratchBytes(_ plan: Plan, _ traits: GPUTraits) -> Int {
    rowCounts(plan).map {
      GPUSampling(vocabulary: vocabulary(plan), maximumRows: $0, on: traits).workspaceBytes
    }.max() ?? 0
  }

  /// All launches that steps of a plan may have.
  static func launches(_ plan: Plan, _ traits: GPUTraits) -> [GPULaunch] {
    let launches = rowCounts(plan).flatMap {
      GPUSampling(vocabulary: vocabulary(plan), maximumRows: $0, on: traits).launches(isPlain: false)
    }
    var seen: Set<GPUFunction> = []
    return launches.filter { seen.insert($0.function).inserted }
  }
}
