import CNeedletailKernels
import NeedletailGraph

/// A product of activations with a weight: x [rows, k], weight [n, k] -> [rows, n].
public struct MatmulProblem: Hashable, Sendable {
  /// Rows of the step.
  public var rows: Dim
  /// Outputs.
  public var n: Int
  /// Inputs.
  public var k: Int
  /// Storage of activations, weight and result.
  public var x, weight, out: DType
  /// Whether a bias [n] is added.
  public var hasBias: Bool

  /// Reads the weight once; multiplies each row with it.
  public var cost: Cost {
    var cost = Cost(weightBytes: n * k * weight.byteCount + (hasBias ? n * 4 : 0))
    cost.activationBytes.add(rows, times: k * x.byteCount + n * out.byteCount)
    cost.operations.add(rows, times: 2 * n * k)
    return cost
  }

  /// "[tokens, 256] x [512, 256] bfloat16 -> float32"
  public var description: String { "[\(rows), \(k)] \(x.name) x [\(n), \(k)] \(weight.name) -> \(out.name)" }
}

extension CPUCatalog {
  /// A product; `xStride`: elements from row to row of x, where that is not k.
  func matmul(_ node: LoweredNode, xStride: Int? = nil) -> Launch {
    let (x, weight, out) = (node.inputs[0], node.inputs[1], node.results[0])
    let bias = node.inputs.count > 2 ? node.inputs[2] : nil
    let problem = MatmulProblem(
      rows: x.type.rows, n: out.type.width, k: x.type.width, x: x.type.dtype, weight: weight.type.dtype,
      out: out.type.dtype, hasBias: bias != nil)
    var builder = ArgumentBuilder(nt_matmul_arguments())
    builder.bind(\.x, x.reference)
    builder.bind(\.w, weight.reference)
    builder.bind(\.bias, bias?.reference)
    builder.bind(\.out, out.reference)
    builder.count(\.rows, problem.rows)
    builder.arguments.x_stride = Int64(xStride ?? problem.k)
    builder.arguments.out_stride = Int64(problem.n)
    builder.arguments.n = Int32(problem.n)
    builder.arguments.k = Int32(problem.k)
    builder.arguments.x_dtype = problem.x.rawValue
    builder.arguments.w_dtype = problem.weight.rawValue
    builder.arguments.out_dtype = problem.out.rawValue
    return Launch(
      kernel: "matmul", scope: node.scope, problem: problem.description, arguments: builder.block, cost: problem.cost)
  }
}
