import NeedletailGraph

/// A product of activations with a weight on a GPU, with what is computed before and after it in the same kernel:
/// x [rows, k], weight [n, k] -> [rows, width], where width is n, or n / 2 if it is gated. See `product.h`.
public struct ProductProblem: Hashable, Sendable, Codable {
  /// Rows of the step.
  public var rows: Dim
  /// The most rows a step of this variant has.
  public var maximumRows: Int
  /// Rows of the weight.
  public var n: Int
  /// Columns of the weight.
  public var k: Int
  /// Storage of the activations: float32 where they are normalized here, else the operands' type.
  public var x: DType
  /// Storage of the weight.
  public var weight: DType
  /// Storage of the result.
  public var out: DType
  /// The norm that the activations pass first.
  public var norm: Norm.Kind?
  /// activation(gate) * value of the two halves of the weight's rows.
  public var gate: Activation?
  /// Whether a bias [n] is added.
  public var hasBias = false
  /// Whether a residual [rows, width] in float32 is added.
  public var hasResidual = false
  /// Whether the rows of x are chosen by indices.
  public var gathersRows = false
  /// The same instruction shape, chunks of k and order for every row count, and no library.
  public var isDeterministic = false

  /// A plain product.
  public init(rows: Dim, maximumRows: Int, n: Int, k: Int, x: DType, weight: DType, out: DType) {
    self.rows = rows
    self.maximumRows = maximumRows
    self.n = n
    self.k = k
    self.x = x
    self.weight = weight
    self.out = out
  }

  /// Columns of the result.
  public var width: Int { gate == nil ? n : n / 2 }

  /// Reads the weight once; multiplies each row with it.
  public var cost: Cost {
    var cost = Cost(weightBytes: n * k * weight.byteCount + (hasBias ? n * 4 : 0))
    cost.activationBytes.add(rows, times: k * x.byteCount + width * (out.byteCount + (hasResidual ? 4 : 0)))
    cost.operations.add(rows, times: 2 * n * k)
    return cost
  }

  /// "rms_norm [tokens, 256] float32 x [512, 256] bfloat16, silu gate, + residual -> float32"
  public var description: String {
    var text = norm.map { "\($0)_norm " } ?? ""
    text += "[\(rows), \(k)] \(x.name) x [\(n), \(k)] \(weight.name)"
    if hasBias { text += ", + bias" }
    if let gate { text += ", \(gate) gate" }
    if hasResidual { text += ", + residual" }
    return text + " -> \(out.name)"
  }
}
