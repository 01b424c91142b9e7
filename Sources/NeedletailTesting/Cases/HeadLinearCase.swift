import CNeedletailKernels
import NeedletailGraph

/// A product of each head with its own matrix.
public struct HeadLinearCase: KernelCase {
  /// Rows, heads, and each head's outputs and inputs.
  public var rows, heads, n, k: Int
  /// Whether the weight is [heads k, n].
  public var isTransposed: Bool
  /// Storage types.
  public var x, weight, out: DType
  /// Elements between the heads and between the rows of x and of out.
  public var gap: Int
  /// Of the operands.
  public var seed: UInt64 = 1

  /// A product; in float32 unless said otherwise.
  public init(
    rows: Int, heads: Int, n: Int, k: Int, isTransposed: Bool, x: DType = .float32, weight: DType = .float32,
    out: DType = .float32, gap: Int = 0
  ) {
    self.rows = rows
    self.heads = heads
    self.n = n
    self.k = k
    self.isTransposed = isTransposed
    self.x = x
    self.weight = weight
    self.out = out
    self.gap = gap
  }

  /// The kernel.
  public static let kernel = "head_linear"

  /// Shapes at which it breaks first.
  public static var edges: [HeadLinearCase] {
    var edges: [HeadLinearCase] = []
    let types: [DType] = [.float32, .bfloat16, .float16]
    for isTransposed in [false, true] {
      for x in types {
        for weight in types {
          for (index, out) in types.enumerated() {
            edges.append(
              HeadLinearCase(
                rows: [1, 19, 3][index], heads: 3, n: 41, k: 37, isTransposed: isTransposed, x: x, weight: weight,
                out: out, gap: index))
          }
        }
      }
      for (index, rows) in [0, 1, 2, 5, 6, 7, 8, 13, 31, 33, 97, 130, 300].enumerated() {
        let type = types[index % 3]
        edges.append(
          HeadLinearCase(
            rows: rows, heads: 2, n: 96, k: 65, isTransposed: isTransposed, x: type, weight: type, gap: index % 2))
      }
      for size in [1, 2, 15, 16, 31, 32, 33, 63, 64, 65, 300] {
        edges.append(
          HeadLinearCase(rows: 3, heads: 5, n: size, k: 33, isTransposed: isTransposed, weight: .bfloat16))
        edges.append(
          HeadLinearCase(
            rows: 20, heads: 3, n: 33, k: size, isTransposed: isTransposed, x: .bfloat16, weight: .bfloat16, gap: 3))
      }
      edges.append(
        HeadLinearCase(rows: 4, heads: 16, n: 512, k: 128, isTransposed: isTransposed, weight: .bfloat16))
      edges.append(
        HeadLinearCase(
          rows: 70, heads: 2, n: 128, k: 512, isTransposed: isTransposed, x: .bfloat16, weight: .bfloat16))
    }
    return edges
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> HeadLinearCase {
    let types: [DType] = [.float32, .bfloat16, .float16]
    var problem = HeadLinearCase(
      rows: numbers.next(in: 1...40), heads: numbers.next(in: 1...9), n: numbers.next(in: 1...150),
      k: numbers.next(in: 1...150), isTransposed: numbers.next(in: 0...1) == 1, x: numbers.pick(types),
      weight: numbers.pick(types), out: numbers.pick(types), gap: numbers.next(in: 0...5))
    problem.seed = numbers.next()
    return problem
  }

  // Heads are rows that lie one behind the other; the rows of tokens have a gap of their own.
  private func stride(_ width: Int) -> Int { heads * (width + gap) + 2 * gap }
  private func elements(_ width: Int) -> Int { rows == 0 ? 0 : (rows - 1) * stride(width) + heads * (width + gap) }
  private func spread(_ values: [Double], _ width: Int) -> [Float] {
    var result = [Float](repeating: .nan, count: elements(width))
    for (index, value) in values.enumerated() {
      let (row, head) = (index / (heads * width), index / width % heads)
      result[row * stride(width) + head * (width + gap) + index % width] = Float(value)
    }
    return result
  }

  private var values: (x: [Float], w: [Float]) {
    var numbers = SeededNumbers(seed: seed)
    return (numbers.floats(rows * heads * k), numbers.floats(heads * n * k, deviation: 0.3))
  }

  /// What it reads and writes.
  public func operands() -> Operands {
    let (x, w) = values
    var operands = Operands()
    operands.add("x", self.x, spread(x.map(Double.init), k))
    operands.add("w", weight, w, prepared: isTransposed ? nil : Operand.WeightShape(rows: heads * n, columns: k))
    operands.addOutput("out", out, count: elements(n))
    return operands
  }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_head_linear_arguments {
    nt_head_linear_arguments(
      x: address("x"), w: address("w"), out: address("out"), rows: Int64(rows), x_stride: Int64(stride(k)),
      x_head_stride: Int64(k + gap), out_stride: Int64(stride(n)), out_head_stride: Int64(n + gap),
      heads: Int32(heads), n: Int32(n), k: Int32(k), transposed: isTransposed ? 1 : 0, x_dtype: x.rawValue,
      w_dtype: weight.rawValue, out_dtype: out.rawValue, reserved: 0)
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    let (x, w) = values
    let result = Reference.headLinear(
      self.x.rounded(x).map(Double.init), weight.rounded(w).map(Double.init), heads: heads, k: k,
      isTransposed: isTransposed)
    return ["out": spread(result, n)]
  }

  /// How far results may be off.
  public func bounds(_ dtype: DType) -> Comparison.Bounds { .of(dtype, slack: max(1, Double(k).squareRoot() / 16)) }

  /// For messages.
  public var description: String {
    "head_linear [\(rows), \(k)] \(x.name) x \(heads) of [\(n), \(k)]\(isTransposed ? "^T" : "") \(weight.name) -> "
      + "\(out.name), gap \(gap), seed \(seed)"
  }
}
