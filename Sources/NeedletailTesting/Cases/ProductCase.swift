import CNeedletailKernels
import NeedletailGraph

/// A product of few rows with a row-major weight, and what stands before and after it in the same kernel. See
/// `product.h`.
public struct ProductCase: KernelCase {
  /// Rows of the result.
  public var rows: Int
  /// Rows of the weight.
  public var n: Int
  /// Columns of the weight.
  public var k: Int
  /// Storage of x, of the weight and of the result.
  public var x, weight, out: DType
  /// The norm that rows of x pass first; their storage is float32 then.
  public var norm: Norm?
  /// activation(gate) * value.
  public var gate: Activation?
  /// Whether there is a bias, and a residual.
  public var hasBias = false, hasResidual = false
  /// Whether the residual is what the result is written over.
  public var isInPlace = false
  /// Whether rows of x are chosen by indices.
  public var gathersRows = false
  /// Elements between the rows of x and of out.
  public var gap = 0
  /// Whether the rows of x follow each other, whatever the gap.
  public var hasDenseRows = false
  /// Of the operands.
  public var seed: UInt64 = 1

  /// A plain product in a type.
  public init(rows: Int, n: Int, k: Int, _ dtype: DType = .bfloat16, out: DType? = nil) {
    self.rows = rows
    self.n = n
    self.k = k
    x = dtype
    weight = dtype
    self.out = out ?? dtype
  }

  /// The kernel.
  public static let kernel = "product"

  /// Shapes at which it breaks first: those of decoder blocks, around the widths of tiles and vectors.
  public static var edges: [ProductCase] {
    var edges: [ProductCase] = []
    for (index, rows) in [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64].enumerated() {
      let dtype = index % 3 == 2 ? DType.float16 : .bfloat16
      edges.append(ProductCase(rows: rows, n: 192, k: 256, dtype))
      var normed = ProductCase(rows: rows, n: 96, k: 320, dtype)
      normed.x = .float32
      normed.norm = Norm(index % 4 == 3 ? .layer : .rms, eps: 1e-5)
      edges.append(normed)
      normed.gate = .silu
      edges.append(normed)
      var residual = ProductCase(rows: rows, n: 128, k: 512, dtype, out: .float32)
      residual.hasResidual = true
      residual.isInPlace = index % 2 == 0
      edges.append(residual)
    }
    for (index, size) in [8, 16, 24, 40, 64, 72, 120, 136, 1000, 1032, 4096, 4104].enumerated() {
      edges.append(ProductCase(rows: 3, n: size, k: 64))
      edges.append(ProductCase(rows: 3, n: 64, k: size))
      var edge = ProductCase(rows: 2, n: size, k: 136, [.bfloat16, .float16][index % 2])
      edge.gap = 8
      edge.hasBias = true
      edges.append(edge)
    }
    for dtype in [DType.float32, .bfloat16, .float16] {
      for out in [DType.float32, dtype] {
        for rows in [1, 19] {
          var edge = ProductCase(rows: rows, n: 80, k: 96, dtype, out: out)
          edge.gathersRows = rows == 19
          edges.append(edge)
          edge.x = .float32
          edge.norm = Norm(.rms, eps: 1e-6, weightOffset: 1)
          edge.gate = .geluTanh
          edge.hasBias = true
          edges.append(edge)
        }
      }
    }
    // As the head of a model has it: many rows of the weight, few chosen rows.
    var head = ProductCase(rows: 2, n: 32_000, k: 128, out: .float32)
    head.x = .float32
    head.norm = Norm(.rms, eps: 1e-5)
    head.gathersRows = true
    return edges + [head, ProductCase(rows: 1, n: 4096, k: 4096), ProductCase(rows: 1, n: 256, k: 14_336)]
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> ProductCase {
    let dtype = numbers.pick([DType.bfloat16, .bfloat16, .float16, .float32])
    var problem = ProductCase(
      rows: numbers.next(in: 1...64), n: 16 * numbers.next(in: 1...40), k: 8 * numbers.next(in: 1...100), dtype,
      out: numbers.pick([dtype, .float32]))
    problem.norm = numbers.pick([nil, nil, Norm(.rms, eps: 1e-5), Norm(.layer, eps: 1e-5)])
    if problem.norm != nil { problem.x = .float32 }
    problem.gate = numbers.pick([nil, nil, .silu, .geluTanh])
    problem.hasBias = numbers.next(in: 0...3) == 0
    problem.hasResidual = problem.gate == nil && problem.out == .float32 && numbers.next(in: 0...1) == 0
    problem.isInPlace = problem.hasResidual && numbers.next(in: 0...1) == 0
    problem.gathersRows = numbers.next(in: 0...4) == 0
    problem.gap = 8 * numbers.next(in: 0...2)
    problem.seed = numbers.next()
    return problem
  }

  /// Columns of the result.
  public var width: Int { gate == nil ? n : n / 2 }
  /// Rows that x has.
  public var xCount: Int { gathersRows ? 2 * rows + 1 : rows }
  private var xRows: Rows { Rows(xCount, k, gap: hasDenseRows ? 0 : gap) }
  private var outRows: Rows { Rows(rows, width, gap: gap) }

  /// What it reads and writes.
  public func operands() -> Operands {
    var numbers = SeededNumbers(seed: seed)
    var operands = Operands()
    operands.add("x", x, numbers.floats(xRows.elements, mean: 0.1))
    if gathersRows {
      operands.add("row_indices", .int32, (0..<rows).map { _ in Float(numbers.next(in: 0...xCount - 1)) })
    }
    operands.add("w", weight, numbers.floats(n * k, deviation: 0.3))
    if norm != nil { operands.add("norm_weight", .float32, numbers.floats(k, deviation: 0.2, mean: 1)) }
    if norm?.kind == .layer { operands.add("norm_bias", .float32, numbers.floats(k, deviation: 0.2)) }
    if hasBias { operands.add("bias", .float32, numbers.floats(n)) }
    if hasResidual { operands.add("residual", .float32, numbers.floats(outRows.elements)) }
    if isInPlace {
      operands.update("residual") { $0.isOutput = true }
    } else {
      operands.addOutput("out", out, count: outRows.elements)
    }
    return operands
  }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_product_arguments {
    func floats(_ name: String) -> UnsafePointer<Float>? {
      address(name).map { .init($0.assumingMemoryBound(to: Float.self)) }
    }
    return nt_product_arguments(
      x: address("x"), row_indices: address("row_indices").map { .init($0.assumingMemoryBound(to: Int32.self)) },
      w: address("w"), norm_weight: floats("norm_weight"), norm_bias: floats("norm_bias"), bias: floats("bias"),
      residual: floats("residual"), out: address(isInPlace ? "residual" : "out"), rows: Int64(rows),
      x_stride: Int64(xRows.stride), out_stride: Int64(outRows.stride), n: Int32(n), k: Int32(k), eps: norm?.eps ?? 0,
      weight_offset: norm?.weightOffset ?? 0)
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    guard let x = operands["x"], let w = operands["w"] else { return [:] }
    var values = xRows.dense(x)
    if let indices = operands["row_indices"] {
      values = Reference.gatherRows(values, width: k, indices.map { Int($0) })
    }
    if let norm {
      let normed = Reference.norm(
        values, width: k, norm, weight: operands["norm_weight"]?.map(Double.init),
        bias: operands["norm_bias"]?.map(Double.init))
      values = weight.rounded(normed.map(Float.init)).map(Double.init)
    }
    var result = Reference.matmul(
      values, w.map(Double.init), rows: rows, n: n, k: k, bias: operands["bias"]?.map(Double.init))
    if let gate { result = Reference.gatedActivation(result, width: width, gate) }
    if let residual = operands["residual"] { result = Reference.binary(result, outRows.dense(residual), .add) }
    return [isInPlace ? "residual" : "out": outRows.spread(result)]
  }

  /// A normalized element near the middle of two numbers of the operands' type may be rounded to the other one.
  public func bounds(_ dtype: DType) -> Comparison.Bounds {
    var bounds = Comparison.Bounds.of(dtype, slack: max(1, Double(k).squareRoot() / 16) * (gate == nil ? 1 : 4))
    guard norm != nil else { return bounds }
    let flips = 2 * weight.unitRoundoff / Double(max(k, 1)).squareRoot()
    bounds.relativeError += flips
    bounds.calcDiff = bounds.relativeError * bounds.relativeError + 1e-15
    bounds.worst += 4 * flips
    return bounds
  }

  /// For messages.
  public var description: String {
    var text = norm.map { "\($0.kind) norm, " } ?? ""
    text += "product [\(rows), \(k)] \(x.name) x [\(n), \(k)] \(weight.name) -> \(out.name), gap \(gap)"
    if let gate { text += ", \(gate) gate" }
    if hasBias { text += ", bias" }
    if hasResidual { text += isInPlace ? ", residual in place" : ", residual" }
    return text + (gathersRows ? ", chosen rows" : "") + ", seed \(seed)"
  }
}
