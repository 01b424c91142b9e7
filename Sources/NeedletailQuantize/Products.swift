import NeedletailGraph
import NeedletailKernels
import NeedletailRuntime

/// Products of large matrices by a device's own kernels.
final class Products {
  private let device: any Device

  init(_ device: any Device) { self.device = device }

  /// a bᵀ [a.rows, b.rows], in float32.
  func product(_ a: FloatMatrix, _ b: FloatMatrix) throws -> FloatMatrix {
    precondition(a.columns == b.columns, "[\(a.rows), \(a.columns)] times [\(b.rows), \(b.columns)]")
    let builder = GraphBuilder()
    let x = builder.input("x", .real, [.tokens, .fixed(a.columns)])
    let weight = builder.weight(Weight(parts: [Weight.Part("b", shape: [b.rows, b.columns])]))
    builder.output("y", x.linear(weight))
    let runner = try GraphRunner(builder.graph, on: device, weights: MatrixSource(matrix: b), tokens: a.rows)
    guard let y = try runner.run(["x": Values([a.rows, a.columns], a.elements)], tokens: a.rows)["y"] else {
      throw QuantizeError("a product gave nothing")
    }
    return FloatMatrix(a.rows, b.rows, y.elements)
  }

  /// Σ over rows r of d_r moments d_rᵀ: the squared error that a change d of a weight makes in its outputs.
  func error(_ change: FloatMatrix, _ moments: FloatMatrix) throws -> Double {
    let moved = try product(change, moments)
    var sum = 0.0
    for row in 0..<change.rows {
      var part: Float = 0
      for index in row * change.columns..<(row + 1) * change.columns {
        part += change.elements[index] * moved.elements[index]
      }
      sum += Double(part)
    }
    return sum
  }
}

private struct MatrixSource: WeightSource {
  let matrix: FloatMatrix

  func withRows(
    of part: Weight.Part, first: Int, count: Int, _ body: (UnsafeRawPointer, DType) throws -> Void
  ) throws {
    try matrix.elements.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      try body(start + first * matrix.columns * 4, .float32)
    }
  }
}
