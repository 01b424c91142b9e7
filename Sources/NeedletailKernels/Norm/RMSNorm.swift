import CNeedletailKernels
import NeedletailGraph

/// A normalization of rows, after adding a second operand if there is one.
public struct NormProblem: Hashable, Sendable {
  /// Rows of the step.
  public var rows: Dim
  /// Elements of a row.
  public var width: Int
  /// What is computed.
  public var norm: Norm
  /// Storage of the operands and of the normalized result.
  public var x, out: DType
  /// Storage of x + delta, where it is wanted.
  public var sum: DType?
  /// Weights and biases, as float32 vectors.
  public var vectorCount: Int

  /// Reads each operand once, writes each result once; four operations an element.
  public var cost: Cost {
    var cost = Cost(weightBytes: vectorCount * width * 4)
    let bytes = x.byteCount * (sum == nil ? 1 : 2) + out.byteCount + (sum?.byteCount ?? 0)
    cost.activationBytes.add(rows, times: width * bytes)
    cost.operations.add(rows, times: width * 4)
    return cost
  }
}

extension KernelCatalog {
  func norm(_ node: LoweredNode, _ norm: Norm, adds: Bool) -> Launch {
    let x = node.inputs[0]
    let vectors = node.inputs.dropFirst(adds ? 2 : 1).map { $0 }
    guard let out = node.results.last else { preconditionFailure("a norm without a result") }
    let sum = adds ? node.results[0] : nil
    let problem = NormProblem(
      rows: x.type.rows, width: x.type.width, norm: norm, x: x.type.dtype, out: out.type.dtype,
      sum: sum?.type.dtype, vectorCount: vectors.count)
    var builder = ArgumentBuilder(nt_rms_norm_arguments())
    builder.bind(\.x, x.reference)
    builder.bind(\.weight, vectors.first?.reference)
    builder.bind(\.bias, vectors.count > 1 ? vectors[1].reference : nil)
    builder.bind(\.out, out.reference)
    builder.count(\.rows, problem.rows)
    builder.arguments.x_stride = Int64(problem.width)
    builder.arguments.out_stride = Int64(problem.width)
    builder.arguments.width = Int32(problem.width)
    builder.arguments.center = norm.kind == .layer ? 1 : 0
    builder.arguments.eps = norm.eps
    builder.arguments.weight_offset = norm.weightOffset
    builder.arguments.x_dtype = problem.x.rawValue
    builder.arguments.weight_dtype = (vectors.first?.type.dtype ?? .float32).rawValue
    builder.arguments.out_dtype = problem.out.rawValue
    if adds, let sum {
      builder.bind(\.delta, node.inputs[1].reference)
      builder.bind(\.sum_out, sum.reference)
      builder.arguments.delta_dtype = node.inputs[1].type.dtype.rawValue
      builder.arguments.sum_dtype = sum.type.dtype.rawValue
    }
    return Launch(
      kernel: "rms_norm", scope: node.scope, problem: "\(adds ? "add + " : "")\(norm.kind) norm \(x.type)",
      arguments: builder.block, cost: problem.cost)
  }
}
