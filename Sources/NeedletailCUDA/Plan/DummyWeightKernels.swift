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
    for planned in plan.weights where makes(planned, source) {
      let coding = coding(planned, source)
      if let coding { launches.append(coding) }
      let dtype = coding == nil ? planned.dtype : source.dtype
      for part in planned.weight.parts where part.transposed || dtype != source.dtype {
        let isTurnedFirst = part.transposed && part.period != nil
        if isTurnedFirst {
          launches.append(
            GPUWeights.convert(rows: 1, columns: 1, isTransposed: true, x: source.dtype, out: source.dtype))
        }
        launches.append(
          GPUWeights.convert(
            rows: 1, columns: 1, isTransposed: part.transposed && !isTurnedFirst, x: source.dtype, out: dtype))
      }
    }
    return launches
  }

  /// Puts the kernels into a stream that make a part of a weight; waits for them where a conversion needs memory.
  func make(_ part: Weight.Part, dtype: DType, at target: UInt64, in stream: borrowing Stream) throws {
    let columns = part.resultShape.dropFirst().reduce(1, *)
    if part.transposed { return try makeTransposed(part, columns: columns, dtype: dtype, at: target, in: stream) }
    let turns = RowTurns(part)
    let stride = part.storedWidth
    let isMatrix = part.storedShape.count > 1
    let first = (part.firstStoredRow + turns.first) * stride + (isMatrix ? part.columns?.lowerBound ?? 0 : 0)
    guard dtype != source.dtype else {
      return try fill(part, turns, first: first, columns: columns, at: target, in: stream)
    }
    let turnBytes = turns.rows * columns * source.dtype.byteCount
    let count = max(1, min(turns.count, Self.scratchBytes / max(turnBytes, 1)))
    let scratch = try DeviceBuffer(stream.context, byteCount: count * turnBytes)
    for start in Swift.stride(from: 0, to: turns.count, by: count) {
      var some = turns
      some.count = min(count, turns.count - start)
      try fill(
        part, some, first: first + start * turns.period * stride, columns: columns, at: scratch.address, in: stream)
      try convert(
        from: scratch.address, stride: columns, isTransposed: false, rows: some.count * turns.rows, columns: columns,
        to: target + UInt64(start * turns.rows * columns * dtype.byteCount), dtype, in: stream)
    }
    try stream.synchronize()
  }

  /// Makes the whole matrix as the checkpoint would have it, and turns it round.
  private func makeTransposed(
    _ part: Weight.Part, columns: Int, dtype: DType, at target: UInt64, in stream: borrowing Stream
  ) throws {
    let (stride, size) = (part.storedWidth, source.dtype.byteCount)
    let scratch = try DeviceBuffer(stream.context, byteCount: part.storedShape.reduce(size, *))
    let whole = RowTurns(first: 0, rows: 1, period: 1, count: part.storedShape[0])
    try fill(
      part, whole, first: part.firstStoredRow * stride, columns: stride, at: scratch.address, in: stream)
    // Row r, column c of the weight is element (firstColumn + c) * stride + firstRow + r of the matrix.
    let start = scratch.address + UInt64((part.columns?.lowerBound ?? 0) * stride * size)
    let turns = RowTurns(part)
    guard part.period != nil else {
      try convert(
        from: start + UInt64(turns.first * size), stride: stride, isTransposed: true, rows: turns.count * turns.rows,
        columns: columns, to: target, dtype, in: stream)
      return try stream.synchronize()
    }
    let turned = try DeviceBuffer(stream.context, byteCount: stride * columns * size)
    try convert(
      from: start, stride: stride, isTransposed: true, rows: stride, columns: columns, to: turned.address,
      source.dtype, in: stream)
    // The rows of a turn follow each other: they are one row of a matrix of turns.
    try convert(
      from: turned.address + UInt64(turns.first * columns * size), stride: turns.period * columns,
      isTransposed: false, rows: turns.count, columns: turns.rows * columns, to: target, dtype, in: stream)
    try stream.synchronize()
  }

  /// Fills turns of rows from an element of the tensor on, one behind the other.
  private func fill(
    _ part: Weight.Part, _ turns: RowTurns, first: Int, columns: Int, at target: UInt64, in stream: borrowing Stream
  ) throws {
    let stride = part.storedWidth
    // Whole rows that follow each other are one longer row.
    let joins = turns.rows == 1 || columns == stride
    for row in 0..<(joins ? 1 : turns.rows) {
      try fill(
        part, first: first + row * stride, rows: turns.count, columns: joins ? turns.rows * columns : columns,
        stride: turns.period * stride, outStride: turns.rows * columns,
        at: target + UInt64(row * columns * source.dtype.byteCount), in: stream)
    }
  }

  private func fill(
    _ part: Weight.Part, first: Int, rows: Int, columns: Int, stride: Int, outStride: Int, at target: UInt64,
    in stream: borrowing Stream
  ) throws {
    var arguments = nt_dummy_weights_arguments()
    arguments.out = UnsafeMutableRawPointer(bitPattern: UInt(target))
    arguments.tensor_key = source.tensorKey(part.name)
    arguments.first = Int64(first)
    arguments.rows = Int64(rows)
    arguments.columns = Int64(columns)
    arguments.source_stride = Int64(stride)
    arguments.out_stride = Int64(outStride)
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

/// The rows of a part as `count` times `rows` rows, `period` rows apart.
private struct RowTurns {
  var first: Int
  var rows: Int
  var period: Int
  var count: Int

  init(first: Int, rows: Int, period: Int, count: Int) {
    (self.first, self.rows, self.period, self.count) = (first, rows, period, count)
  }

  init(_ part: Weight.Part) {
    let rows = part.resultShape[0]
    first = part.rows?.lowerBound ?? 0
    if let period = part.period, let taken = part.rows?.count, taken > 0 {
      (self.rows, self.period, count) = (taken, period, rows / taken)
    } else {
      (self.rows, period, count) = (1, 1, rows)
    }
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
