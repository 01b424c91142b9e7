import CNeedletailKernels
import NeedletailGraph

/// A normalization, of a sum if `delta` has a storage type.
public struct NormCase: KernelCase {
  /// Rows.
  public var rows: Int
  /// Elements of a row.
  public var width: Int
  /// What is computed.
  public var norm: Norm
  /// Storage of x and of the result.
  public var x, out: DType
  /// Storage of what is added first; nil: nothing.
  public var delta: DType?
  /// Storage of the sum; nil: not wanted.
  public var sum: DType?
  /// Whether the sum is written over x.
  public var isInPlace = false
  /// Storage of the weight and of the bias; nil: none.
  public var weight: DType?
  /// Whether there is a bias.
  public var hasBias = false
  /// Elements between rows.
  public var gap = 0
  /// Of the operands.
  public var seed: UInt64 = 1

  /// A normalization of float32 rows.
  public init(rows: Int, width: Int, _ norm: Norm = Norm(.rms, eps: 1e-5)) {
    self.rows = rows
    self.width = width
    self.norm = norm
    x = .float32
    out = .float32
    weight = .float32
  }

  /// The kernel.
  public static let kernel = "rms_norm"

  /// Shapes at which it breaks first.
  public static var edges: [NormCase] {
    var edges: [NormCase] = []
    for (index, width) in [1, 2, 7, 15, 16, 17, 31, 33, 64, 65, 255, 1000, 4097].enumerated() {
      for kind in Norm.Kind.allCases {
        var edge = NormCase(rows: [1, 3, 0, 31][index % 4], width: width, Norm(kind, eps: 1e-5))
        edge.hasBias = kind == .layer && index % 2 == 0
        edge.gap = index % 3
        edges.append(edge)
        edge.delta = .bfloat16
        edge.sum = .float32
        edge.out = .bfloat16
        edges.append(edge)
      }
    }
    let types: [DType] = [.float32, .bfloat16, .float16]
    for x in types {
      for out in types {
        for delta in types {
          var edge = NormCase(rows: 2, width: 77, Norm(.rms, eps: 1e-6, weightOffset: 1))
          (edge.x, edge.out, edge.delta, edge.sum, edge.weight) = (x, out, delta, x, out)
          edge.isInPlace = true
          edges.append(edge)
          edge.weight = nil
          edge.sum = nil
          edge.isInPlace = false
          edges.append(edge)
        }
      }
    }
    return edges
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> NormCase {
    let types: [DType] = [.float32, .bfloat16, .float16]
    let norm = Norm(numbers.pick(Norm.Kind.allCases), eps: 1e-5, weightOffset: Float(numbers.next(in: 0...1)))
    var problem = NormCase(rows: numbers.next(in: 1...40), width: numbers.next(in: 1...700), norm)
    problem.x = numbers.pick(types)
    problem.out = numbers.pick(types)
    problem.delta = numbers.pick([nil] + types)
    problem.sum = numbers.pick([nil] + types)
    problem.weight = numbers.pick([nil] + types)
    problem.hasBias = norm.kind == .layer && problem.weight != nil
    problem.gap = numbers.next(in: 0...5)
    problem.seed = numbers.next()
    return problem
  }

  private var shape: Rows { Rows(rows, width, gap: gap) }

  /// What it reads and writes.
  public func operands() -> Operands {
    var numbers = SeededNumbers(seed: seed)
    var operands = Operands()
    operands.add("x", x, numbers.floats(shape.elements, mean: 0.2))
    if let delta { operands.add("delta", delta, numbers.floats(shape.elements)) }
    if let weight { operands.add("weight", weight, numbers.floats(width, mean: 1)) }
    if let weight, hasBias { operands.add("bias", weight, numbers.floats(width)) }
    if isInPlace {
      operands.update("x") { $0.isOutput = true }
    } else if let sum {
      operands.addOutput("sum", sum, count: shape.elements)
    }
    operands.addOutput("out", out, count: shape.elements)
    return operands
  }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_rms_norm_arguments {
    nt_rms_norm_arguments(
      x: address("x"), delta: address("delta"), weight: address("weight"), bias: address("bias"),
      sum_out: address(isInPlace ? "x" : "sum"), out: address("out"), rows: Int64(rows), x_stride: Int64(shape.stride),
      out_stride: Int64(shape.stride), width: Int32(width), center: norm.kind == .layer ? 1 : 0, eps: norm.eps,
      weight_offset: norm.weightOffset, x_dtype: x.rawValue, delta_dtype: (delta ?? .float32).rawValue,
      weight_dtype: (weight ?? .float32).rawValue, sum_dtype: (isInPlace ? x : sum ?? .float32).rawValue,
      out_dtype: out.rawValue, reserved: 0)
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    guard let x = operands["x"] else { return [:] }
    var sum = shape.dense(x)
    if let delta = operands["delta"] { sum = Reference.binary(sum, shape.dense(delta), .add) }
    let result = Reference.norm(
      sum, width: width, norm, weight: operands["weight"]?.map(Double.init), bias: operands["bias"]?.map(Double.init))
    return ["out": shape.spread(result), isInPlace ? "x" : "sum": shape.spread(sum)]
  }

  /// How far results may be off.
  public func bounds(_ dtype: DType) -> Comparison.Bounds { .of(dtype, slack: 2) }

  /// For messages.
  public var description: String {
    "\(norm.kind) norm [\(rows), \(width)] \(x.name) -> \(out.name), offset \(norm.weightOffset), gap \(gap), delta "
      + "\(delta?.name ?? "none"), sum \(isInPlace ? "in place" : sum?.name ?? "none"), weight "
      + "\(weight?.name ?? "none")\(hasBias ? " and bias" : ""), seed \(seed)"
  }
}
