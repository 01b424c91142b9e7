import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels

/// A product of activations in fp8 with a weight in fp8, and what stands before and after it in the same kernel. See
/// `quantized_product.h`.
public struct Float8ProductCase: KernelCase {
  /// Shapes, norm, gate, bias, residual, chosen rows; its `x` is the storage of the activations, `.float8e4m3` where they
  /// are coded already.
  public var product: ProductCase
  /// The 16-bit type that activations are rounded to before they are coded.
  public var operand: DType
  /// What shares a scale.
  public var scales: Float8Problem.Scales

  /// A product of activations in 16 bits.
  public init(
    rows: Int, n: Int, k: Int, _ operand: DType = .bfloat16, out: DType? = nil, scales: Float8Problem.Scales = .rows
  ) {
    product = ProductCase(rows: rows, n: n, k: k, operand, out: out)
    product.weight = .float8e4m3
    self.operand = operand
    self.scales = scales
  }

  /// The kernel.
  public static let kernel = "quantized product"

  /// The same with its activations coded ahead; they have no norm then.
  public var coded: Float8ProductCase {
    var other = self
    (other.product.x, other.product.norm) = (.float8e4m3, nil)
    return other
  }

  /// Shapes at which it breaks first: around tiles and slices.
  public static var edges: [Float8ProductCase] {
    var edges: [Float8ProductCase] = []
    for (index, rows) in [0, 1, 2, 3, 4, 5, 8, 9, 16, 17, 31, 32, 33, 64].enumerated() {
      let operand = index % 3 == 2 ? DType.float16 : .bfloat16
      let scales: Float8Problem.Scales = [.rows, .groups, .tensor][index % 3]
      var edge = Float8ProductCase(rows: rows, n: 264, k: 640, operand, scales: scales)
      edges.append(edge)
      edge.product.x = .float32
      edge.product.norm = Norm(index % 4 == 3 ? .layer : .rms, eps: 1e-5)
      edge.product.gate = .silu
      if scales == .groups { edge.product.n = 256 }
      edges.append(edge)
      var residual = Float8ProductCase(rows: rows, n: 136, k: 2048, operand, out: .float32, scales: scales)
      residual.product.hasResidual = true
      residual.product.isInPlace = index % 2 == 0
      edges.append(residual)
    }
    for size in [16, 48, 80, 128, 144, 512, 1040, 4096, 5136] {
      edges.append(Float8ProductCase(rows: 3, n: size, k: 64))
      var edge = Float8ProductCase(rows: 2, n: 72, k: size, .float16)
      edge.product.hasBias = true
      edge.product.gathersRows = true
      edges.append(edge)
    }
    return edges + [Float8ProductCase(rows: 1, n: 4096, k: 4096), Float8ProductCase(rows: 1, n: 256, k: 14_336)]
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> Float8ProductCase {
    let scales = numbers.pick([Float8Problem.Scales.rows, .rows, .tensor, .groups])
    let (operand, isGrouped) = (numbers.pick([DType.bfloat16, .float16]), scales == .groups)
    var problem = Float8ProductCase(
      rows: numbers.next(in: 1...64), n: (isGrouped ? 128 : 8) * numbers.next(in: 1...(isGrouped ? 5 : 80)),
      k: (isGrouped ? 128 : 16) * numbers.next(in: 1...(isGrouped ? 20 : 100)), operand,
      out: numbers.pick([operand, .float32]), scales: scales)
    problem.product.norm = numbers.pick([nil, nil, Norm(.rms, eps: 1e-5), Norm(.layer, eps: 1e-5)])
    if problem.product.norm != nil { problem.product.x = .float32 }
    problem.product.gate = !isGrouped || problem.product.n % 256 == 0 ? numbers.pick([nil, .silu, .geluTanh]) : nil
    problem.product.hasBias = numbers.next(in: 0...3) == 0
    problem.product.hasResidual =
      problem.product.gate == nil && problem.product.out == .float32 && numbers.next(in: 0...1) == 0
    problem.product.gathersRows = numbers.next(in: 0...4) == 0
    problem.product.seed = numbers.next()
    return problem
  }

  private var groups: Int { scales == .groups ? (product.k + 127) / 128 : 1 }
  private var scaleRows: Int { scales == .groups ? (product.n + 127) / 128 : product.n }

  /// What it reads and writes.
  public func operands() -> Operands {
    var numbers = SeededNumbers(seed: product.seed ^ 0xF8)
    var all = product
    all.weight = operand
    if product.x == .float8e4m3 { all.x = operand }
    var operands = all.operands()
    let codes = numbers.floats(product.n * product.k, deviation: 80)
    operands.update("w") { $0 = Operand(name: "w", dtype: .float8e4m3, codes, isOutput: false) }
    let factor = 1 / (80 * Float(max(product.k, 1)).squareRoot())
    let deviation = factor / 4
    operands.add(
      "w_scales", .float32, numbers.floats(scaleRows * groups, deviation: deviation, mean: factor).map(\.magnitude))
    if scales == .tensor { operands.add("x_scales", .float32, [0.01]) }
    guard product.x == .float8e4m3, let x = operands["x"] else { return operands }
    let (found, scale) = coded(x, rows: product.xCount)
    operands.update("x") { $0 = Operand(name: "x", dtype: .float8e4m3, found, isOutput: false) }
    if scales != .tensor { operands.add("x_scales", .float32, scale) }
    return operands
  }

  /// Codes of rows and their scales, one for each row or group.
  private func coded(_ x: [Float], rows: Int) -> (codes: [Float], scales: [Float]) {
    var (codes, found): ([Float], [Float]) = (x, [])
    let width = scales == .groups ? 128 : product.k
    for row in 0..<rows {
      for group in 0..<groups {
        let range = row * product.k + group * width..<min((row + 1) * product.k, row * product.k + (group + 1) * width)
        let largest = x[range].reduce(0) { max($0, $1.magnitude) }
        let scale = scales == .tensor ? 0.01 : max(largest, 1e-12) / 448
        found.append(scale)
        for i in range { codes[i] = x[i] / scale }
      }
    }
    return (DType.float8e4m3.rounded(codes), found)
  }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_quantized_product_arguments {
    let all = product.arguments(address)
    func floats(_ name: String) -> UnsafePointer<Float>? {
      address(name).map { .init($0.assumingMemoryBound(to: Float.self)) }
    }
    var a = nt_quantized_product_arguments()
    (a.x, a.x_scales, a.row_indices, a.w, a.w_scales) = (
      all.x, floats("x_scales"), all.row_indices, all.w, UnsafeRawPointer(floats("w_scales"))
    )
    (a.norm_weight, a.norm_bias, a.bias, a.residual, a.out) = (
      all.norm_weight, all.norm_bias, all.bias, all.residual, all.out
    )
    (a.rows, a.x_stride, a.out_stride, a.n, a.k) = (all.rows, all.x_stride, all.out_stride, all.n, all.k)
    (a.group, a.rows_per_scale) = scales == .groups ? (128, 128) : (0, 1)
    (a.eps, a.weight_offset) = (all.eps, all.weight_offset)
    (a.x_dtype, a.w_dtype, a.out_dtype) = (product.x.rawValue, DType.float8e4m3.rawValue, product.out.rawValue)
    return a
  }

  /// What it writes: with scales 1 the plain product of codes times their scales.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    guard let x = operands["x"], let w = operands["w"], let wScales = operands["w_scales"] else { return [:] }
    let (rows, n, k) = (product.rows, product.n, product.k)
    let chosen = operands["row_indices"]?.map { Int($0) } ?? Array(0..<rows)
    var values = chosen.flatMap { x[$0 * k..<($0 + 1) * k] }
    var xScales: [Float]
    if product.x == .float8e4m3 {
      let given = operands["x_scales"] ?? []
      // The kernels take scales in the order of the chosen rows only where they code themselves.
      xScales = scales == .tensor ? Array(repeating: given[0], count: rows) : Array(given.prefix(rows * groups))
    } else {
      if let norm = product.norm {
        values = Reference.norm(
          values.map(Double.init), width: k, norm, weight: operands["norm_weight"]?.map(Double.init),
          bias: operands["norm_bias"]?.map(Double.init)
        ).map(Float.init)
      }
      (values, xScales) = coded(operand.rounded(values), rows: rows)
    }
    var weight = w.map(Double.init)
    for row in 0..<n {
      for column in 0..<k {
        let group = scales == .groups ? column / 128 : 0
        weight[row * k + column] *= Double(wScales[(scales == .groups ? row / 128 : row) * groups + group])
      }
    }
    var activations = values.map(Double.init)
    for i in activations.indices {
      activations[i] *= Double(xScales[i / k * groups + (scales == .groups ? i % k / 128 : 0)])
    }
    var result = Reference.matmul(
      activations, weight, rows: rows, n: n, k: k, bias: operands["bias"]?.map(Double.init))
    if let gate = product.gate { result = Reference.gatedActivation(result, width: product.width, gate) }
    let outRows = Rows(rows, product.width, gap: product.gap)
    if let residual = operands["residual"] { result = Reference.binary(result, outRows.dense(residual), .add) }
    return [product.isInPlace ? "residual" : "out": outRows.spread(result)]
  }

  /// The tensor cores keep about 13 bits behind the point of a sum; a code near the middle of two may be the other one.
  public func bounds(_ dtype: DType) -> Comparison.Bounds {
    var bounds = product.bounds(dtype)
    let flips = product.norm == nil ? 0 : 4e-3
    bounds.relativeError += 1e-3 * max(1, Double(product.k) / 4096) + flips
    bounds.calcDiff = bounds.relativeError * bounds.relativeError
    bounds.worst += 0.02 + 16 * flips
    return bounds
  }

  /// For messages.
  public var description: String { "fp8 \(product), \(operand.name), scales of \(scales)" }
}

extension Operand {
  /// Numbers stored in a type.
  init(name: String, dtype: DType, _ values: [Float], isOutput: Bool) {
    self.init(name: name, dtype: dtype, bytes: dtype.encoded(values), isOutput: isOutput)
  }
}
