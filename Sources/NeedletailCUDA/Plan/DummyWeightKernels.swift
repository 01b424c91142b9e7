import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels

/// Makes weights on a GPU, the bits that a host would make.
struct DummyWeightKernels {
  /// Bytes of values that lie between two kernels where their type is not the weight's.
  private static let scratchBytes = 64 << 20

  let modules: LoadedModules
  let source: DummySource

  /// All launches that a plan's weights may need, for loading their kernels.
  static func launches(_ plan: Plan, _ source: DummySource) -> [GPULaunch] {
    var launches: [GPULaunch] = [GPUWeights.dummy(rows: 1, columns: 1, out: source.dtype)]
    for planned in plan.weights {
      for part in planned.weight.parts where part.transposed || planned.dtype != source.dtype {
        launches.append(
          GPUWeights.convert(
            rows: 1, columns: 1, isTransposed: part.transposed, x: source.dtype, out: planned.dtype))
      }
    }
    return launches
  }

  /// Puts the kernels into a stream that make a part of a weight; waits for them where a conversion needs memory.
  func make(_ part: Weight.Part, dtype: DType, at target: UInt64, in stream: borrowing Stream) throws {
    let (rows, columns) = (part.resultShape[0], part.resultShape.dropFirst().reduce(1, *))
    let stride = part.shape.dropFirst().reduce(1, *)
    let firstColumn = part.columns?.lowerBound ?? 0
    let firstRow = part.rows?.lowerBound ?? 0
    if part.transposed {
      let scratch = try DeviceBuffer(stream.context, byteCount: part.shape.reduce(source.dtype.byteCount, *))
      try fill(part, first: 0, rows: part.shape[0], columns: stride, stride: stride, at: scratch.address, in: stream)
      // Row r, column c of the weight is element (firstColumn + c) * stride + firstRow + r of the tensor.
      let start = (firstColumn * stride + firstRow) * source.dtype.byteCount
      try convert(
        from: scratch.address + UInt64(start), stride: stride, isTransposed: true, rows: rows, columns: columns,
        to: target, dtype, in: stream)
      return try stream.synchronize()
    }
    guard dtype != source.dtype else {
      let first = firstRow * stride + firstColumn
      return try fill(part, first: first, rows: rows, columns: columns, stride: stride, at: target, in: stream)
    }
    let rowBytes = columns * source.dtype.byteCount
    let count = max(1, min(rows, Self.scratchBytes / max(rowBytes, 1)))
    let scratch = try DeviceBuffer(stream.context, byteCount: count * rowBytes)
    for start in Swift.stride(from: 0, to: rows, by: count) {
      let some = min(count, rows - start)
      try fill(
        part, first: (firstRow + start) * stride + firstColumn, rows: some, columns: columns, stride: stride,
        at: scratch.address, in: stream)
      try convert(
        from: scratch.address, stride: columns, isTransposed: false, rows: some, columns: columns,
        to: target + UInt64(start * columns * dtype.byteCount), dtype, in: stream)
    }
    try stream.synchronize()
  }

  private func fill(
    _ part: Weight.Part, first: Int, rows: Int, columns: Int, stride: Int, at target: UInt64,
    in stream: borrowing Stream
  ) throws {
    var arguments = nt_dummy_weights_arguments()
    arguments.out = UnsafeMutableRawPointer(bitPattern: UInt(target))
    arguments.tensor_key = source.tensorKey(part.name)
    arguments.first = Int64(first)
    arguments.rows = Int64(rows)
    arguments.columns = Int64(columns)
    arguments.source_stride = Int64(stride)
    arguments.out_stride = Int64(columns)
    arguments.out_dtype = source.dtype.rawValue
    try stream.launch(GPUWeights.dummy(rows: rows, columns: columns, out: source.dtype), modules, arguments)
  }

  private func convert(
    from address: UInt64, stride: Int, isTransposed: Bool, rows: Int, columns: Int, to target: UInt64, _ dtype: DType,
    in stream: borrowing Stream
  ) throws {
    var arguments = nt_convert_rows_arguments()
    arguments.x = UnsafeRawPointer(bitPattern: UInt(address))
    arguments.out = UnsafeMutableRawPointer(bitPattern: UInt(target))
    arguments.rows = Int64(rows)
    arguments.columns = Int64(columns)
    arguments.x_stride = Int64(stride)
    arguments.out_stride = Int64(columns)
    arguments.x_transposed = isTransposed ? 1 : 0
    arguments.x_dtype = source.dtype.rawValue
    arguments.out_dtype = dtype.rawValue
    let launch = GPUWeights.convert(
      rows: rows, columns: columns, isTransposed: isTransposed, x: source.dtype, out: dtype)
    try stream.launch(launch, modules, arguments)
  }
}

extension Stream {
  /// Launches a kernel whose grid is fixed.
  func launch<Arguments: BitwiseCopyable>(
    _ gpu: GPULaunch, _ modules: LoadedModules, _ arguments: Arguments
  ) throws {
    let counts = StepCounts(tokens: 0, sequences: 0, scoredRows: 0)
    let grid = gpu.grid.map { $0.value(in: counts) } + [1, 1, 1]
    try launch(
      try modules.function(gpu.function),
      LaunchShape(
        grid: Extents(grid[0], grid[1], grid[2]), block: Extents(gpu.threads), sharedBytes: gpu.sharedBytes,
        cluster: gpu.cluster > 1 ? Extents(gpu.cluster) : nil, startsEarly: gpu.startsEarly), arguments)
  }
}
