import CNeedletailKernels
import NeedletailGraph

/// A product of activations with a prepared weight.
public struct MatmulCase: KernelCase {
  /// Rows of x.
  public var rows: Int
  /// Outputs.
  public var n: Int
  /// Inputs.
  public var k: Int
  /// Storage types.
  public var x, weight, out: DType
  /// Whether there is a bias, and a residual.
  public var hasBias, hasResidual: Bool
  /// Elements between the rows of x and of out.
  public var gap: Int
  /// Of the operands.
  public var seed: UInt64

  /// A product; in float32 unless said otherwise.
  public init(
    rows: Int, n: Int, k: Int, x: DType = .float32, weight: DType = .float32, out: DType = .float32,
    hasBias: Bool = false, hasResidual: Bool = false, gap: Int = 0, seed: UInt64 = 1
  ) {
    self.rows = rows
    self.n = n
    self.k = k
    self.x = x
    self.weight = weight
    self.out = out
    self.hasBias = hasBias
    self.hasResidual = hasResidual
    self.gap = gap
    self.seed = seed
  }

  /// The kernel.
  public static let kernel = "matmul"

  /// Shapes at which it breaks first.
  public static var edges: [MatmulCase] {
    var edges: [MatmulCase] = []
    let types: [DType] = [.float32, .bfloat16, .float16]
    // Every combination of storage types, at a shape where everything has a tail.
    for x in types {
      for weight in types {
        for out in types {
          for rows in [1, 19] {
            edges.append(
              MatmulCase(
                rows: rows, n: 65, k: 97, x: x, weight: weight, out: out, hasBias: rows == 1, hasResidual: rows > 1,
                gap: rows % 3))
          }
        }
      }
    }
    let rows = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 31, 33, 64, 65, 130]
    let sizes = [1, 2, 15, 31, 32, 33, 63, 64, 65, 4097]
    for (index, count) in rows.enumerated() {
      let type = index % 2 == 0 ? DType.bfloat16 : .float32
      edges.append(MatmulCase(rows: count, n: 96, k: 129, x: type, weight: type, gap: index % 4))
    }
    for size in sizes {
      edges.append(MatmulCase(rows: 3, n: size, k: 33, x: .bfloat16, weight: .bfloat16, hasBias: true))
      edges.append(MatmulCase(rows: 3, n: 33, k: size, x: .bfloat16, weight: .bfloat16, gap: 1))
      edges.append(MatmulCase(rows: 2, n: 40, k: size, weight: .bfloat16))
    }
    return edges + [MatmulCase(rows: 600, n: 37, k: 45, x: .bfloat16, weight: .bfloat16)]
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> MatmulCase {
    let types: [DType] = [.float32, .bfloat16, .float16]
    return MatmulCase(
      rows: numbers.next(in: 1...70), n: numbers.next(in: 1...260), k: numbers.next(in: 1...300),
      x: numbers.pick(types),
      weight: numbers.pick(types), out: numbers.pick(types), hasBias: numbers.next(in: 0...1) == 1,
      hasResidual: numbers.next(in: 0...1) == 1, gap: numbers.next(in: 0...9), seed: numbers.next())
  }

  private var xRows: Rows { Rows(rows, k, gap: gap) }
  private var outRows: Rows { Rows(rows, n, gap: gap) }

  /// What it reads and writes.
  public func operands() -> Operands {
    var numbers = SeededNumbers(seed: seed)
    var operands = Operands()
    operands.add("x", x, numbers.floats(xRows.elements))
    operands.add(
      "w", weight, numbers.floats(n * k, deviation: 0.3), prepared: Operand.WeightShape(rows: n, columns: k))
    if hasBias { operands.add("bias", .float32, numbers.floats(n)) }
    if hasResidual { operands.add("residual", .float32, numbers.floats(outRows.elements)) }
    operands.addOutput("out", out, count: outRows.elements)
    return operands
  }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_matmul_arguments {
    nt_matmul_arguments(
      x: address("x"), w: address("w"), bias: address("bias"), residual: address("residual"), out: address("out"),
      rows: Int64(rows), x_stride: Int64(xRows.stride), out_stride: Int64(outRows.stride), n: Int32(n), k: Int32(k),
      x_dtype: x.rawValue, w_dtype: weight.rawValue, out_dtype: out.rawValue, reserved: 0,
      counters: address("counters")?.assumingMemoryBound(to: UInt32.self))
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    guard let x = operands["x"], let w = operands["w"] else { return [:] }
    let result = Reference.matmul(
      xRows.dense(x), w.map(Double.init), rows: rows, n: n, k: k, bias: operands["bias"]?.map(Double.init),
      residual: operands["residual"].map { outRows.dense($0) })
    return ["out": outRows.spread(result)]
  }

  /// How far results may be off.
  public func bounds(_ dtype: DType) -> Comparison.Bounds { .of(dtype, slack: max(1, Double(k).squareRoot() / 16)) }

  /// For messages.
  public var description: String {
    "matmul [\(rows), \(k)] \(x.name) x [\(n), \(k)] \(weight.name) -> \(out.name), gap \(gap)"
      + (hasBias ? ", bias" : "") + (hasResidual ? ", residual" : "") + ", seed \(seed)"
  }
}
