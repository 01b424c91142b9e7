import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels

extension CUDADevice: MeasurableDevice {
  /// Reads 2 GiB (or a quarter of the free memory) eight times, and multiplies 8,192 x 8,192 matrices of random numbers
  /// with cuBLASLt; without it the rate of products is what the GPU's clock allows.
  public func measuredRates(_ dtype: DType) throws -> DeviceRates {
    let context = try context()
    let stream = try Stream(context)
    return DeviceRates(
      loops: [("reads", try readBandwidth(context, stream))],
      operationsPerSecond: try productRate(dtype, context, stream) ?? nominalRate(dtype))
  }

  /// Joules since the driver was loaded.
  public func energyJoules() -> Double? {
    guard let context = try? context() else { return nil }
    return PowerMeter(context)?.joules
  }

  private func readBandwidth(_ context: Context, _ stream: borrowing Stream) throws -> Double {
    let bytes = min(2 << 30, try context.memory().free / 4) / 4096 * 4096
    guard bytes > 64 << 20 else { throw CUDAError("too little memory is free to measure how fast it is") }
    let memory = try DeviceBuffer(context, byteCount: bytes + 256)
    try stream.fill(memory.address, byteCount: bytes + 256, with: 0x5A)
    let function = GPUFunction("measure/read_bandwidth.cu", entry: "read_bandwidth")
    let threads = 512
    let grid = GridExtent(properties.multiprocessorCount * 4)
    let launch = GPULaunch(function, grid: [grid], threads: threads, startsEarly: false)
    let modules = try LoadedModules([launch], context: context, cache: cache, libraries: libraries)
    let kernel = try modules.function(function)
    let arguments = nt_read_bandwidth_arguments(
      memory: UnsafeRawPointer(bitPattern: UInt(memory.address)),
      sink: UnsafeMutablePointer(bitPattern: UInt(memory.address) + UInt(bytes)), bytes: Int64(bytes))
    let shape = LaunchShape(grid: Extents(grid.constant), block: Extents(threads))
    let best = try bestTime(context, stream, repeats: 8) { stream in
      try stream.launch(kernel, shape, NoPointers(arguments))
    }
    return Double(bytes) / best
  }

  private func productRate(_ dtype: DType, _ context: Context, _ stream: borrowing Stream) throws -> Double? {
    let element: CUBLASLtProduct.Element
    switch dtype {
    case .bfloat16: element = .bfloat16
    case .float16: element = .float16
    default: return nil
    }
    let size = 8192
    guard options.allowsLibraries, let library = try? libraries.cublasLt.get(),
      try context.memory().free > 5 * size * size * 2
    else { return nil }
    let operands = try DeviceBuffer(context, byteCount: 2 * size * size * 2)
    let out = try DeviceBuffer(context, byteCount: size * size * 2)
    try stream.fillRandomly(operands.address, byteCount: operands.byteCount, dtype)
    let workspace = try DeviceBuffer(context, byteCount: 64 << 20)
    let handle = try CUBLASLtHandle(library, context)
    let product = try CUBLASLtProduct(
      handle, rows: size, columns: size, inner: size, input: element, output: element, workspaceLimit: 64 << 20)
    let (x, weight) = (operands.address, operands.address + UInt64(size * size * 2))
    let (target, scratch) = (out.address, workspace.address)
    let best = try bestTime(context, stream, repeats: 8) { stream in
      try product.run(handle, stream, x: x, weight: weight, out: target, workspace: scratch)
    }
    return 2 * Double(size) * Double(size) * Double(size) / best
  }

  /// Multiplications and additions that the matrix units do at the GPU's highest clock.
  private func nominalRate(_ dtype: DType) -> Double {
    let perCycle: Double =
      switch (dtype, properties.computeCapability) {
      case (.float32, _): 256
      case (_, 90): 4096
      case (_, 100...): 8192
      case (_, 89): 1024
      default: 2048
      }
    return perCycle * Double(properties.multiprocessorCount) * Double(properties.clockKilohertz) * 1e3
  }

  private func bestTime(
    _ context: Context, _ stream: borrowing Stream, repeats: Int, _ body: (borrowing Stream) throws -> Void
  ) throws -> Double {
    let watch = try Stopwatch(context)
    try body(stream)
    var best = Double.infinity
    for _ in 0..<repeats { best = min(best, try watch.seconds(in: stream) { try body(stream) }) }
    return best
  }
}

/// The argument struct with its addresses as numbers, which may be handed to any thread.
private struct NoPointers: BitwiseCopyable {
  let memory, sink: UInt64
  let bytes: Int64
  init(_ arguments: nt_read_bandwidth_arguments) {
    memory = UInt64(UInt(bitPattern: arguments.memory))
    sink = UInt64(UInt(bitPattern: arguments.sink))
    bytes = arguments.bytes
  }
}
