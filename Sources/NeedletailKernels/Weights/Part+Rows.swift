import CNeedletailKernels
import NeedletailGraph

extension Weight.Part {
  /// Calls `body` with rows of the part as the weight has them: their first element, its storage type and the elements
  /// from row to row. What does not lie so in the source is brought into order in memory of its own.
  package func withRows(
    _ wanted: Range<Int>, from source: any WeightSource,
    _ body: (_ rows: UnsafeRawPointer, _ dtype: DType, _ stride: Int) throws -> Void
  ) throws {
    guard hasUnitRows else { return try withStoredRows(wanted, from: source, body) }
    let width = storedWidth
    try withStoredRows(wanted, from: source) { rows, dtype, stride in
      try withScratch(wanted.count * width * 4) { scratch in
        guard
          HostRows.convert(
            rows, dtype, stride: stride, to: scratch, .float32, rows: wanted.count, width: width, isa: nt_cpu_best_isa()
          )
        else { throw GraphError("\(name) is stored as \(dtype.name), of which rows have no length") }
        let numbers = UnsafeMutableBufferPointer(
          start: scratch.assumingMemoryBound(to: Float.self), count: wanted.count * width)
        for row in 0..<wanted.count {
          let range = row * width..<(row + 1) * width
          let square = numbers[range].reduce(0.0) { $0 + Double($1) * Double($1) }
          let factor = Float(1 / max(square.squareRoot(), 1e-12))
          for index in range { numbers[index] *= factor }
        }
        try body(UnsafeRawPointer(scratch), .float32, width)
      }
    }
  }

  private func withStoredRows(
    _ wanted: Range<Int>, from source: any WeightSource,
    _ body: (_ rows: UnsafeRawPointer, _ dtype: DType, _ stride: Int) throws -> Void
  ) throws {
    let runs = rowRuns(wanted)
    guard let first = runs.first?.source.lowerBound, let end = runs.last?.source.upperBound else { return }
    let isMatrix = storedShape.count > 1
    if transposed {
      let columns = columns ?? 0..<storedShape[0]
      try source.withRows(of: self, first: firstStoredRow + columns.lowerBound, count: columns.count) { bytes, dtype in
        try withScratch(wanted.count * columns.count * dtype.byteCount) { scratch in
          for run in runs {
            turn(
              bytes + run.source.lowerBound * dtype.byteCount, stride: storedWidth, rows: run.source.count,
              columns: columns.count, dtype,
              to: scratch + (run.result - wanted.lowerBound) * columns.count * dtype.byteCount)
          }
          try body(UnsafeRawPointer(scratch), dtype, columns.count)
        }
      }
      return
    }
    let firstColumn = isMatrix ? columns?.lowerBound ?? 0 : 0
    try source.withRows(of: self, first: firstStoredRow + first, count: end - first) { bytes, dtype in
      let rowBytes = storedWidth * dtype.byteCount
      guard runs.count > 1 else { return try body(bytes + firstColumn * dtype.byteCount, dtype, storedWidth) }
      try withScratch(wanted.count * rowBytes) { scratch in
        for run in runs {
          (scratch + (run.result - wanted.lowerBound) * rowBytes).copyMemory(
            from: bytes + (run.source.lowerBound - first) * rowBytes, byteCount: run.source.count * rowBytes)
        }
        try body(UnsafeRawPointer(scratch) + firstColumn * dtype.byteCount, dtype, storedWidth)
      }
    }
  }
}

private func withScratch(_ byteCount: Int, _ body: (UnsafeMutableRawPointer) throws -> Void) rethrows {
  let scratch = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: 64)
  defer { scratch.deallocate() }
  try body(scratch)
}

/// Writes `rows` rows of `columns` elements, out of a matrix that has them as columns and rows.
private func turn(
  _ source: UnsafeRawPointer, stride: Int, rows: Int, columns: Int, _ dtype: DType, to target: UnsafeMutableRawPointer
) {
  func turn<Bits: BitwiseCopyable>(_ bits: Bits.Type) {
    let (from, to) = (source.assumingMemoryBound(to: bits), target.assumingMemoryBound(to: bits))
    // In squares that the first cache holds.
    for firstColumn in Swift.stride(from: 0, to: columns, by: 32) {
      for firstRow in Swift.stride(from: 0, to: rows, by: 32) {
        for column in firstColumn..<min(firstColumn + 32, columns) {
          for row in firstRow..<min(firstRow + 32, rows) { to[row * columns + column] = from[column * stride + row] }
        }
      }
    }
  }
  switch dtype.byteCount {
  case 1: turn(UInt8.self)
  case 2: turn(UInt16.self)
  case 4: turn(UInt32.self)
  default: turn(UInt64.self)
  }
}
