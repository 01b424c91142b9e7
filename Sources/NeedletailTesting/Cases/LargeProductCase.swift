import CNeedletailKernels
import NeedletailGraph

/// A product of any number of rows with a row-major weight, as a GPU's large products take it (`matmul.h`).
public struct LargeProductCase: KernelCase {
  /// What is multiplied; it has no norm and no chosen rows.
  public var product: ProductCase

  /// A product; rows of x follow each other.
  public init(_ product: ProductCase) {
    self.product = product
    self.product.hasDenseRows = true
  }

  /// The kernel.
  public static let kernel = "matmul"

  /// Shapes at which it breaks first: around tiles of rows, columns and k, and those that the copy engine does not take.
  public static var edges: [LargeProductCase] {
    var edges: [ProductCase] = []
    let rows = [0, 1, 63, 64, 65, 127, 128, 129, 191, 192, 193, 255, 256, 257, 300, 513]
    for (index, count) in rows.enumerated() {
      let dtype = index % 3 == 2 ? DType.float16 : .bfloat16
      edges.append(ProductCase(rows: count, n: 320, k: 192, dtype))
      var gated = ProductCase(rows: count, n: 272, k: 264, dtype)
      gated.gate = .silu
      edges.append(gated)
      var residual = ProductCase(rows: count, n: 136, k: 200, dtype, out: .float32)
      residual.hasResidual = true
      residual.isInPlace = index % 2 == 0
      edges.append(residual)
    }
    for (index, size) in [1, 2, 7, 8, 16, 33, 63, 65, 127, 128, 129, 256, 257, 511, 1032].enumerated() {
      let dtype = [DType.bfloat16, .float16, .float32][index % 3]
      edges.append(ProductCase(rows: 70, n: size, k: 96, dtype))
      edges.append(ProductCase(rows: 70, n: 96, k: size, dtype))
      var biased = ProductCase(rows: 130, n: 2 * size, k: 64, dtype, out: .float32)
      biased.hasBias = true
      edges.append(biased)
      biased.gate = .geluTanh
      biased.gap = 8
      edges.append(biased)
    }
    for x in [DType.float32, .bfloat16, .float16] {
      for weight in [DType.float32, .bfloat16, .float16] {
        var mixed = ProductCase(rows: 20, n: 65, k: 97, weight, out: x)
        mixed.x = x
        edges.append(mixed)
      }
    }
    return edges.map(LargeProductCase.init)
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> LargeProductCase {
    let dtype = numbers.pick([DType.bfloat16, .bfloat16, .float16, .float32])
    var product = ProductCase(
      rows: numbers.next(in: 1...400), n: 8 * numbers.next(in: 1...70), k: 8 * numbers.next(in: 1...70), dtype,
      out: numbers.pick([dtype, .float32]))
    product.gate = numbers.pick([nil, nil, .silu])
    product.hasBias = numbers.next(in: 0...3) == 0
    product.hasResidual = product.gate == nil && product.out == .float32 && numbers.next(in: 0...1) == 0
    product.seed = numbers.next()
    return LargeProductCase(product)
  }

  /// What it reads and writes; only rows of the result have gaps.
  public func operands() -> Operands { product.operands() }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_matmul_arguments {
    let all = product.arguments(address)
    return nt_matmul_arguments(
      x: all.x, w: all.w, bias: UnsafeRawPointer(all.bias), residual: UnsafeRawPointer(all.residual), out: all.out,
      rows: all.rows, x_stride: all.x_stride, out_stride: all.out_stride, n: all.n, k: all.k,
      x_dtype: product.x.rawValue, w_dtype: product.weight.rawValue, out_dtype: product.out.rawValue, reserved: 0,
      counters: address("counters")?.assumingMemoryBound(to: UInt32.self))
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] { product.expected(operands) }

  /// How far results may be off.
  public func bounds(_ dtype: DType) -> Comparison.Bounds { product.bounds(dtype) }

  /// For messages.
  public var description: String { product.description }
}
