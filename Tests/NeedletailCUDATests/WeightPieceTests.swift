import NeedletailGraph
import NeedletailKernels
import Testing

@testable import NeedletailCUDA

/// Element i of a tensor is i, counted from the tensor's own start.
private struct Counting: WeightSource {
  let dtype: DType

  func withRows(
    of part: Weight.Part, first: Int, count: Int, _ body: (UnsafeRawPointer, DType) throws -> Void
  ) throws {
    let width = part.storedWidth
    let numbers = (first * width..<(first + count) * width).map(Float.init)
    if dtype == .float32 {
      try numbers.withUnsafeBytes { if let base = $0.baseAddress { try body(base, .float32) } }
    } else {
      try numbers.map { UInt16($0.bitPattern >> 16) }.withUnsafeBytes {
        if let base = $0.baseAddress { try body(base, .bfloat16) }
      }
    }
  }
}

@Suite struct WeightPieceTests {
  private func whole(_ weight: Weight, _ dtype: DType, from source: Counting, limit: Int) throws -> [Float] {
    let bytes = weight.shape.reduce(dtype.byteCount, *)
    let planned = PlannedWeight(weight: weight, dtype: dtype, layout: .rowMajor, byteCount: bytes)
    var memory = [Float](repeating: .nan, count: bytes / 4)
    try memory.withUnsafeMutableBytes { target in
      for piece in WeightPiece.pieces(of: planned, limit: limit) {
        if let base = target.baseAddress { try piece.fill(base + piece.target, from: source) }
      }
    }
    return memory
  }

  @Test(arguments: [1, 24, 100, 4096]) func partsFollowEachOther(_ limit: Int) throws {
    let weight = Weight(parts: [.init("a", shape: [5, 3]), .init("b", shape: [2, 3])])
    let expected = (0..<15).map(Float.init) + (0..<6).map(Float.init)
    #expect(try whole(weight, .float32, from: Counting(dtype: .float32), limit: limit) == expected)
    #expect(try whole(weight, .float32, from: Counting(dtype: .bfloat16), limit: limit) == expected)
  }

  @Test func rowsAndColumnsAreCutOut() throws {
    let weight = Weight(parts: [.init("a", shape: [6, 4], rows: 2..<5, columns: 1..<3)])
    #expect(try whole(weight, .float32, from: Counting(dtype: .float32), limit: 8) == [9, 10, 13, 14, 17, 18])
  }

  @Test func transposedOnesAreTurned() throws {
    let weight = Weight(parts: [.init("a", shape: [2, 3], transposed: true)])
    #expect(try whole(weight, .float32, from: Counting(dtype: .float32), limit: 8) == [0, 3, 1, 4, 2, 5])
    let cut = Weight(parts: [.init("a", shape: [2, 3], transposed: true, rows: 1..<3)])
    #expect(try whole(cut, .float32, from: Counting(dtype: .bfloat16), limit: 8) == [1, 4, 2, 5])
  }

  @Test(arguments: [1, 30, 4096]) func rowsOfEveryPeriodAndMatricesOfSeveral(_ limit: Int) throws {
    let source = Counting(dtype: .float32)
    let turns = Weight(parts: [.init("a", shape: [6, 2], rows: 1..<3, period: 3)])
    #expect(try whole(turns, .float32, from: source, limit: limit) == [2, 3, 4, 5, 8, 9, 10, 11])
    let second = Weight(parts: [
      .init("a", shape: [2, 2, 3], transposed: true, rows: 0..<2, index: 1), .init("b", shape: [2, 4, 2], index: 0),
    ])
    #expect(
      try whole(second, .float32, from: source, limit: limit) == [6, 9, 7, 10, 0, 1, 2, 3, 4, 5, 6, 7])
    let vector = Weight(parts: [.init("a", shape: [3, 4], rows: 1..<2, period: 2, index: 2)])
    #expect(try whole(vector, .float32, from: source, limit: limit) == [9, 11])
  }
}
