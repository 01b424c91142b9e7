import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels

/// A product with a weight in codes of 4 or 8 bits, in the order of `CodeTiles`. See `quantized_product.h`.
public struct CodedProductCase: KernelCase {
  /// The product; its weight's type is what codes become.
  public var product: ProductCase
  /// Storage of a code.
  public var code: DType
  /// Columns that share a scale; nil: the whole row.
  public var group: Int?
  /// Whether groups have zero points.
  public var hasZeroPoints: Bool

  /// A product with a coded weight.
  public init(_ product: ProductCase, _ code: DType = .uint4, group: Int? = 128, hasZeroPoints: Bool = true) {
    self.product = product
    self.code = code
    self.group = code == .int8 ? nil : code == .float4e2m1 ? 32 : group
    self.hasZeroPoints = code == .uint4 && hasZeroPoints
  }

  /// The kernel.
  public static let kernel = "coded_product"

  /// Shapes at which it breaks first.
  public static var edges: [CodedProductCase] {
    var edges: [CodedProductCase] = []
    let codings: [(DType, Int?, Bool)] = [
      (.uint4, 128, true), (.uint4, 32, true), (.int8, nil, false), (.uint4, 64, false), (.uint4, nil, true),
      (.float4e2m1, 32, false),
    ]
    for (index, rows) in [1, 2, 3, 5, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200, 300].enumerated() {
      for number in 0..<3 {
        let (code, group, zeros) = codings[(index + 2 * number) % codings.count]
        let dtype: DType = index % 3 == 2 && code != .float4e2m1 ? .float16 : .bfloat16
        var plain = ProductCase(
          rows: rows, n: [192, 264, 1000][number], k: [256, 712, 1152][(index + number) % 3], dtype,
          out: index % 2 == 0 ? .float32 : dtype)
        plain.hasBias = number == 1
        plain.hasResidual = number == 2 && plain.out == .float32
        if number == 0 { plain.gate = .silu }
        if number == 1 && rows <= 8 {
          plain.x = .float32
          plain.norm = Norm(index % 2 == 0 ? .layer : .rms, eps: 1e-5)
        }
        edges.append(CodedProductCase(plain, code, group: group, hasZeroPoints: zeros))
      }
    }
    for k in [2, 34, 62, 128, 4096, 14_336] {
      edges.append(CodedProductCase(ProductCase(rows: 2, n: 24, k: k), group: k % 3 == 0 ? 32 : nil))
      edges.append(CodedProductCase(ProductCase(rows: 3, n: 40, k: k), .int8))
    }
    return edges
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> CodedProductCase {
    var plain = ProductCase.random(&numbers)
    if plain.weight == .float32 { plain.weight = .bfloat16 }
    if plain.norm == nil { plain.x = plain.weight }
    if plain.norm != nil { plain.rows = min(plain.rows, 8) }
    if plain.gathersRows { plain.rows = min(plain.rows, 16) }
    plain.n = (plain.n + 15) / 16 * 16
    let code = numbers.pick([DType.uint4, .uint4, .int8])
    return CodedProductCase(
      plain, code, group: numbers.pick([32, 64, 128, nil]), hasZeroPoints: numbers.next(in: 0...2) > 0)
  }

  /// How the weight lies in memory.
  public var tiles: CodeTiles? {
    CodeTiles(
      code, n: product.n, k: product.k, group: group, hasZeroPoints: hasZeroPoints, scaleType: product.weight)
  }

  /// The weight: its numbers, its codes and scales in memory.
  private func weight() -> (numbers: [Float], codes: [UInt8], scales: [UInt8]) {
    guard let tiles else { return ([], [], []) }
    var random = SeededNumbers(seed: product.seed ^ 0xC0DE)
    var codes = [UInt8](repeating: 0, count: tiles.codeBytes), scales = [UInt8](repeating: 0, count: tiles.scaleBytes)
    var numbers = [Float](repeating: 0, count: product.n * product.k)
    let width = code == .int8 ? product.k : group ?? product.k
    for row in 0..<product.n {
      var (scale, zero): (Float, UInt8) = (0, 8)
      for column in 0..<product.k {
        if column % width == 0 {
          scale = 0.02 * Float(random.next(in: 20...100)) / 50
          if code == .float4e2m1 { scale = [0.03125, 0.0625, 0.125][random.next(in: 0...2)] }
          if code != .int8 { scale = product.weight.rounded([scale])[0] }
          if hasZeroPoints { zero = UInt8(random.next(in: 0...15)) }
          if code == .int8 {
            withUnsafeBytes(of: scale) { scales.replaceSubrange(row * 4..<row * 4 + 4, with: $0) }
          }
        }
        let bits = UInt8(random.next(in: code == .int8 ? 0...254 : 0...15))
        let place = tiles.place(row: row, column: column)
        switch code {
        case .int8:
          let value = Int(bits) - 127
          codes[place.byte] = UInt8(bitPattern: Int8(value))
          numbers[row * product.k + column] = Float(value) * scale
        case .float4e2m1:
          codes[place.byte] |= place.isHigh ? bits << 4 : bits
          let magnitude: Float = [0, 0.5, 1, 1.5, 2, 3, 4, 6][Int(bits & 7)]
          numbers[row * product.k + column] = (bits & 8 == 0 ? magnitude : -magnitude) * scale
        default:
          codes[place.byte] |= place.isHigh ? bits << 4 : bits
          numbers[row * product.k + column] = product.weight.rounded([scale * Float(Int(bits) - Int(zero))])[0]
        }
        if code != .int8, column % tiles.group == 0 {
          let at = tiles.scalePlace(row: row, column: column)
          scales.replaceSubrange(at..<at + 2, with: product.weight.encoded([scale]))
          let high = tiles.bits(ofZeroPoint: zero)
          (scales[at + 2], scales[at + 3]) = (UInt8(high & 0xFF), UInt8(high >> 8))
        }
      }
    }
    return (numbers, codes, scales)
  }

  /// What it reads and writes.
  public func operands() -> Operands {
    let (_, codes, scales) = weight()
    var operands = product.operands()
    operands.update("w") { ($0.dtype, $0.bytes) = (.uint8, codes) }
    operands.add(Operand(name: "w_scales", dtype: .uint8, bytes: scales, isOutput: false))
    return operands
  }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_quantized_product_arguments {
    let plain = product.arguments(address)
    var arguments = nt_quantized_product_arguments()
    arguments.x = plain.x
    arguments.row_indices = plain.row_indices
    arguments.w = plain.w
    arguments.w_scales = address("w_scales").map { UnsafeRawPointer($0) }
    arguments.norm_weight = plain.norm_weight
    arguments.norm_bias = plain.norm_bias
    arguments.bias = plain.bias
    arguments.residual = plain.residual
    arguments.out = plain.out
    (arguments.rows, arguments.x_stride, arguments.out_stride) = (plain.rows, plain.x_stride, plain.out_stride)
    (arguments.n, arguments.k, arguments.group) = (plain.n, plain.k, Int32(tiles?.group ?? 0))
    (arguments.rows_per_scale, arguments.eps, arguments.weight_offset) = (1, plain.eps, plain.weight_offset)
    return arguments
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    var plain = operands
    plain.update("w") { ($0.dtype, $0.bytes) = (.float32, DType.float32.encoded(weight().numbers)) }
    return product.expected(plain)
  }

  /// Those of the plain product.
  public func bounds(_ dtype: DType) -> Comparison.Bounds { product.bounds(dtype) }

  /// For messages.
  public var description: String {
    "\(product), weight in \(code.name), groups \(group ?? product.k)\(hasZeroPoints ? ", zeros" : "")"
  }
}
