import CNeedletailKernels
import NeedletailGraph

/// A product of each head with its own matrix: x [rows, heads, k] -> [rows, heads, n].
public struct HeadLinearProblem: Hashable, Sendable, Codable {
  /// Rows of the step.
  public var rows: Dim
  /// Heads.
  public var heads: Int
  /// Outputs and inputs of a head.
  public var n, k: Int
  /// Whether the weight is [heads k, n] instead of [heads n, k].
  public var isTransposed: Bool
  /// Storage of activations, weight and result.
  public var x, weight, out: DType

  /// A product.
  public init(rows: Dim, heads: Int, n: Int, k: Int, isTransposed: Bool, x: DType, weight: DType, out: DType) {
    self.rows = rows
    self.heads = heads
    self.n = n
    self.k = k
    self.isTransposed = isTransposed
    self.x = x
    self.weight = weight
    self.out = out
  }

  /// Reads every head's matrix once; multiplies each row with all of them.
  public var cost: Cost {
    var cost = Cost(weightBytes: heads * n * k * weight.byteCount)
    cost.activationBytes.add(rows, times: heads * (k * x.byteCount + n * out.byteCount))
    cost.operations.add(rows, times: 2 * heads * n * k)
    return cost
  }

  /// "[tokens, 128] x 16 of [512, 128] bfloat16 -> float32"
  public var description: String {
    "[\(rows), \(k)] \(x.name) x \(heads) of [\(n), \(k)]\(isTransposed ? "^T" : "") \(weight.name) -> \(out.name)"
  }
}

extension KernelCatalog {
  /// (x [rows, heads, k], weight) -> [rows, heads, n], and the problem it solves.
  func headLinear(
    _ node: LoweredNode, isTransposed: Bool
  ) throws(CatalogError) -> (launch: Launch, problem: HeadLinearProblem) {
    let (x, weight, out) = (node.inputs[0], node.inputs[1], node.results[0])
    guard let shape = HeadLinearShape(x.type, weight.type, isTransposed: isTransposed) else {
      throw CatalogError("a product by heads does not fit \(x.type), \(weight.type)")
    }
    let problem = HeadLinearProblem(
      rows: x.type.shape[0], heads: shape.heads, n: shape.n, k: shape.k, isTransposed: isTransposed, x: x.type.dtype,
      weight: weight.type.dtype, out: out.type.dtype)
    var builder = ArgumentBuilder(nt_head_linear_arguments())
    builder.bind(\.x, x.reference)
    builder.bind(\.w, weight.reference)
    builder.bind(\.out, out.reference)
    builder.count(\.rows, problem.rows)
    builder.arguments.x_stride = Int64(shape.heads * shape.k)
    builder.arguments.x_head_stride = Int64(shape.k)
    builder.arguments.out_stride = Int64(shape.heads * shape.n)
    builder.arguments.out_head_stride = Int64(shape.n)
    builder.arguments.heads = Int32(shape.heads)
    builder.arguments.n = Int32(shape.n)
    builder.arguments.k = Int32(shape.k)
    builder.arguments.transposed = isTransposed ? 1 : 0
    builder.arguments.x_dtype = problem.x.rawValue
    builder.arguments.w_dtype = problem.weight.rawValue
    builder.arguments.out_dtype = problem.out.rawValue
    let launch = Launch(
      kernel: "head_linear", scope: node.scope, problem: problem.description, arguments: builder.block,
      cost: problem.cost)
    return (launch, problem)
  }
}

extension CPUCatalog {
  /// A product by heads, whose weight lies in panels unless it is transposed.
  func headLinearChecked(_ node: LoweredNode, isTransposed: Bool) throws(CatalogError) -> Launch {
    guard node.inputs[1].weight?.layout == (isTransposed ? .rowMajor : .panels) else {
      throw CatalogError("the CPU multiplies heads with weights only, which no other product reads")
    }
    return try headLinear(node, isTransposed: isTransposed).launch
  }
}
