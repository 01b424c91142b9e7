import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels

/// Some rows of one part of a weight.
struct WeightPiece: Sendable {
  /// The weight's part.
  let part: Weight.Part
  /// Rows of the part as the weight has it.
  let rows: Range<Int>
  /// How it is stored on the device.
  let dtype: DType
  /// Elements of a row.
  let width: Int
  /// Bytes from the start of the weight.
  let target: Int
  /// Bytes on the device.
  var byteCount: Int { rows.count * width * dtype.byteCount }

  /// The pieces of a weight, each of at most `limit` bytes where its rows are not longer.
  static func pieces(of planned: PlannedWeight, limit: Int) -> [WeightPiece] {
    var pieces: [WeightPiece] = []
    var target = 0
    for part in planned.weight.parts {
      let shape = part.resultShape
      let width = shape.dropFirst().reduce(1, *)
      let rowBytes = width * planned.dtype.byteCount
      let count = max(1, limit / max(rowBytes, 1))
      for first in stride(from: 0, to: shape[0], by: count) {
        let rows = first..<min(first + count, shape[0])
        pieces.append(WeightPiece(part: part, rows: rows, dtype: planned.dtype, width: width, target: target))
        target += rows.count * rowBytes
      }
    }
    return pieces
  }

  /// Writes the piece as the device stores it.
  func fill(_ target: UnsafeMutableRawPointer, from source: any WeightSource) throws {
    try part.withRows(rows, from: source) { bytes, stored, stride in
      try convert(bytes, stored, stride: stride, to: target)
    }
  }

  private func convert(
    _ bytes: UnsafeRawPointer, _ stored: DType, stride: Int, to target: UnsafeMutableRawPointer
  ) throws {
    if stored == dtype, stride == width {
      target.copyMemory(from: bytes, byteCount: byteCount)
      return
    }
    let isDone = HostRows.convert(
      bytes, stored, stride: stride, to: target, dtype, rows: rows.count, width: width, isa: nt_cpu_best_isa())
    guard isDone else {
      throw CUDAError("\(part.name): the host has no kernel to convert \(stored.name) to \(dtype.name)")
    }
  }
}

/// The cores that this process may use.
enum ProcessorCount {
  static var available: Int { max(1, Int(nt_cpu_core_count())) }
}
