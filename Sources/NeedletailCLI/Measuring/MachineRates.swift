import Needletail
import NeedletailCPU
import NeedletailCompiler
import NeedletailKernels

/// What this machine's threads do in a second, measured: the floors that times are compared with.
struct MachineRates: Sendable {
  /// Bytes a second of each loop that reads memory.
  let loops: [(loop: String, bytesPerSecond: Double)]
  /// Multiplications and additions a second of matrix products whose operands are in the caches.
  let operationsPerSecond: Double
  /// Where they come from.
  var source = "measured now"

  /// The best of the loops.
  var bytesPerSecond: Double { loops.map(\.bytesPerSecond).max() ?? 0 }

  /// Measures for some tenths of a second with as many threads as the model has. `bytes` should be several times the
  /// last cache.
  static func measure(threads: Int?, dtype: DType, bytes: Int = 256 << 20) throws -> MachineRates {
    let device = try CPUDevice(threads: threads)
    return MachineRates(
      loops: try device.readBandwidth(bytes: bytes, repeats: 4),
      operationsPerSecond: try products(device, dtype: dtype))
  }

  /// What a GPU that is only planned for would do.
  init(_ gpu: KnownGPU) {
    loops = [("memory", gpu.bytesPerSecond)]
    operationsPerSecond = gpu.operationsPerSecond
    source = "of an \(gpu.name), not measured here"
  }

  init(loops: [(loop: String, bytesPerSecond: Double)], operationsPerSecond: Double) {
    self.loops = loops
    self.operationsPerSecond = operationsPerSecond
  }

  /// What a device does: measured where it can be, else as its maker says.
  static func of(_ device: any Device, threads: Int?, dtype: DType) throws -> MachineRates {
    if let planned = device as? PlannedGPU { return MachineRates(planned.gpu) }
    if let measurable = device as? any MeasurableDevice {
      let rates = try measurable.measuredRates(dtype)
      return MachineRates(loops: rates.loops, operationsPerSecond: rates.operationsPerSecond)
    }
    return try measure(threads: threads, dtype: dtype)
  }

  /// The least time for a step's bytes and operations.
  func floorSeconds(_ cost: Cost.Evaluated) -> Double {
    max(Double(cost.bytes) / bytesPerSecond, Double(cost.operations) / operationsPerSecond)
  }

  /// The best rate of a product of 512 rows by a matrix of 1,024 x 1,024.
  private static func products(_ device: CPUDevice, dtype: DType) throws -> Double {
    let (rows, width) = (512, 1024)
    let builder = GraphBuilder()
    let x = builder.input("x", .real, [.tokens, .fixed(width)])
    builder.output("y", x.linear(builder.weight(Weight(parts: [.init("w", shape: [width, width])]))))
    let limits = PlanLimits(tokens: rows, sequences: 1, scoredRows: 1, sequenceLength: rows, blockSize: 16)
    let plan = try Compiler(catalog: device.catalog).compile(
      builder.graph, CompilerOptions(precision: PrecisionPolicy(dtype), limits: limits))
    let loaded = try device.load(plan, weights: EqualWeights(), blockCount: 1, progress: nil)
    let counts = StepCounts(tokens: rows, sequences: 1, scoredRows: 1)
    let operations = Double(2 * rows * width * width)
    var best = 0.0
    // The time of the whole step: it has little else than the product.
    for _ in 0..<16 {
      let start = ContinuousClock.now
      try loaded.forward(counts, times: nil)
      best = max(best, operations / max((ContinuousClock.now - start).seconds, 1e-9))
    }
    guard best > 0 else { throw RunningError("the rate of matrix products could not be measured") }
    return best
  }
}

/// Weights that are all 1.
private struct EqualWeights: WeightSource {
  func withRows(
    of part: Weight.Part, first: Int, count: Int, _ body: (UnsafeRawPointer, DType) throws -> Void
  ) throws {
    let ones = [Float](repeating: 1, count: count * part.shape.dropFirst().reduce(1, *))
    try ones.withUnsafeBytes { bytes in if let start = bytes.baseAddress { try body(start, .float32) } }
  }
}
