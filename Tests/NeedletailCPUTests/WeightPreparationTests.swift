import NeedletailCPU
import NeedletailGraph
import NeedletailKernels
import NeedletailTesting
import Testing

/// Weights of a checkpoint, as the device holds them: merged, cut, transposed, converted. They are read back as rows of
/// an embedding, which is exact.
@Suite struct WeightPreparationTests {
  // The prepared weight, row by row.
  private func loaded(
    _ weight: Weight, as dtype: DType, _ layout: WeightLayout, from source: CheckpointOfArrays, threads: Int = 3
  ) throws -> [Float] {
    let device = try CPUDevice(threads: threads, instructionSet: .plain)
    let plan = try GatherPlan.plan(weight, dtype, layout, catalog: device.catalog)
    let loaded = try device.load(plan, weights: source, blockCount: 1, progress: nil)
    let rows = weight.shape[0]
    try (0..<rows).map(Int32.init).withUnsafeBytes { try loaded.write($0, to: .input("ids")) }
    try loaded.forward(StepCounts(tokens: rows, sequences: 1, scoredRows: 0), times: nil)
    return try loaded.withOutput("rows") { DType.float32.decoded(Array($0)) }
  }

  // Some rows and columns of a matrix.
  private func part(_ values: [Float], _ width: Int, _ rows: Range<Int>, _ columns: Range<Int>) -> [Float] {
    rows.flatMap { row in values[row * width + columns.lowerBound..<row * width + columns.upperBound] }
  }

  private static let types: [DType] = [.float32, .bfloat16, .float16]

  @Test(arguments: types, types) func mergedParts(_ stored: DType, _ dtype: DType) throws {
    // The second part starts inside a panel and the third inside the next one; the last fills less than one.
    let source = CheckpointOfArrays(["a": [40, 33], "b": [33, 33], "c": [3, 33], "d": [200, 33]], stored: stored)
    let weight = Weight(parts: ["a", "b", "c", "d"].map { .init($0, shape: source.shapes[$0] ?? []) })
    let expected = dtype.rounded(["a", "b", "c", "d"].flatMap { source.values($0) })
    for layout in [WeightLayout.panels, .rowMajor] {
      #expect(try loaded(weight, as: dtype, layout, from: source) == expected, "\(layout.rawValue)")
    }
  }

  @Test(arguments: types) func rowAndColumnRanges(_ stored: DType) throws {
    let source = CheckpointOfArrays(["a": [70, 50], "b": [40, 50]], stored: stored)
    let weight = Weight(parts: [
      .init("a", shape: [70, 50], rows: 5..<38, columns: 7..<30), .init("b", shape: [40, 50], columns: 27..<50),
    ])
    let expected = part(source.values("a"), 50, 5..<38, 7..<30) + part(source.values("b"), 50, 0..<40, 27..<50)
    for layout in [WeightLayout.panels, .rowMajor] {
      #expect(try loaded(weight, as: stored, layout, from: source) == expected, "\(layout.rawValue)")
    }
  }

  @Test(arguments: types) func transposedParts(_ stored: DType) throws {
    // Stored [input, output]: 30 inputs; 45 outputs, of which a part, after 20 rows of another.
    let source = CheckpointOfArrays(["a": [20, 12], "b": [30, 45]], stored: stored)
    let weight = Weight(parts: [
      .init("a", shape: [20, 12]), .init("b", shape: [30, 45], transposed: true, rows: 3..<41, columns: 10..<22),
    ])
    let b = source.values("b")
    let transposed = (0..<45).flatMap { row in (0..<30).map { input in b[input * 45 + row] } }
    let expected = source.values("a") + part(transposed, 30, 3..<41, 10..<22)
    for layout in [WeightLayout.panels, .rowMajor] {
      #expect(try loaded(weight, as: .float32, layout, from: source) == expected, "\(layout.rawValue)")
    }
  }

  @Test(arguments: types) func rowsOfEveryPeriod(_ stored: DType) throws {
    // Turns of 35 rows, which start inside panels and are cut into pieces; then matrices of tensors of several.
    let source = CheckpointOfArrays(["a": [400, 40], "b": [3, 30, 44], "c": [2, 9, 30]], stored: stored)
    let (a, b, c) = (source.values("a"), source.values("b"), source.values("c"))
    let weight = Weight(parts: [
      .init("a", shape: [400, 40], rows: 5..<40, period: 80, columns: 8..<38),
      .init("b", shape: [3, 30, 44], transposed: true, rows: 1..<2, period: 2, index: 1),
      .init("c", shape: [2, 9, 30], rows: 0..<2, period: 3, index: 1),
    ])
    var expected = (0..<5).flatMap { part(a, 40, $0 * 80 + 5..<$0 * 80 + 40, 8..<38) }
    for row in 0..<22 { expected += (0..<30).map { b[1320 + $0 * 44 + 2 * row + 1] } }
    for row in [0, 1, 3, 4, 6, 7] { expected += c[270 + row * 30..<300 + row * 30] }
    for layout in [WeightLayout.panels, .rowMajor] {
      #expect(try loaded(weight, as: stored, layout, from: source) == expected, "\(layout.rawValue)")
    }
  }

  @Test(arguments: types) func unitRows(_ stored: DType) throws {
    let source = CheckpointOfArrays(["a": [70, 50], "b": [3, 50]], stored: stored)
    let weight = Weight(parts: [
      .init("b", shape: [3, 50]), .init("a", shape: [70, 50], rows: 5..<40, hasUnitRows: true),
    ])
    let (a, b) = (source.values("a"), source.values("b"))
    for layout in [WeightLayout.panels, .rowMajor] {
      let found = try loaded(weight, as: .float32, layout, from: source)
      #expect(Array(found.prefix(150)) == b)
      for row in 0..<35 {
        let (x, y) = (a[(row + 5) * 50..<(row + 6) * 50], found[(row + 3) * 50..<(row + 4) * 50])
        let length = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
        #expect(zip(x, y).allSatisfy { abs($0 / length - $1) < 1e-6 })
        #expect(abs(y.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
      }
    }
  }

  @Test func largeWeightsArePreparedInPieces() throws {
    // More than a megabyte a part, with a first part that ends inside a panel.
    let source = CheckpointOfArrays(["a": [1001, 515], "b": [999, 515]], stored: .bfloat16)
    let weight = Weight(parts: [.init("a", shape: [1001, 515]), .init("b", shape: [999, 515])])
    let expected = source.values("a") + source.values("b")
    for threads in [1, 4] {
      #expect(try loaded(weight, as: .bfloat16, .panels, from: source, threads: threads) == expected)
    }
  }

  @Test func roundingOfFloat32IsToNearestEven() throws {
    // Halfway between two bfloat16 numbers, a bit more, a bit less; large, small, negative.
    let bits: [UInt32] = [
      0x3F80_8000, 0x3F81_8000, 0x3F80_8001, 0x3F80_7FFF, 0x7F7F_FFFF, 0x0000_8001, 0xBF80_8000, 0x8000_0000,
    ]
    let source = CheckpointOfArrays(["a": [1, 8]], stored: .float32, values: ["a": bits.map(Float.init(bitPattern:))])
    let weight = Weight(parts: [.init("a", shape: [1, 8])])
    let expected = DType.bfloat16.rounded(source.values("a"))
    for layout in [WeightLayout.panels, .rowMajor] {
      #expect(try loaded(weight, as: .bfloat16, layout, from: source) == expected, "\(layout.rawValue)")
    }
  }

  @Test func anErrorOfTheSourceEndsLoading() throws {
    let source = CheckpointOfArrays(["a": [64, 8]], stored: .float32)
    let weight = Weight(parts: [.init("a", shape: [64, 8]), .init("gone", shape: [64, 8])])
    #expect(throws: CheckpointOfArrays.Missing(name: "gone")) {
      try loaded(weight, as: .float32, .panels, from: source)
    }
  }

  @Test func progressEndsAtOne() throws {
    let device = try CPUDevice(threads: 2, instructionSet: .plain)
    let source = CheckpointOfArrays(["a": [3000, 515]], stored: .float32)
    let plan = try GatherPlan.plan(
      Weight(parts: [.init("a", shape: [3000, 515])]), .float32, .panels, catalog: device.catalog)
    let shares = Shares()
    _ = try device.load(plan, weights: source, blockCount: 1) { shares.add($0) }
    #expect(shares.all.contains(1))
    #expect(shares.all.allSatisfy { (0...1).contains($0) })
  }
}
