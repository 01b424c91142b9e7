import NeedletailGraph

/// A product that a library computes (cuBLASLt) instead of one of our kernels: out = x weightᵀ (+ residual), with the
/// addresses of an `nt_matmul_arguments`.
public struct LibraryProduct: Hashable, Sendable, Codable {
  /// Rows of the step.
  public var rows: Dim
  /// Rows of the weight.
  public var n: Int
  /// Columns of the weight.
  public var k: Int
  /// Storage of x and the weight.
  public var input: DType
  /// Storage of the result.
  public var out: DType
  /// Whether a residual [rows, n] in the result's type is added.
  public var hasResidual: Bool
  /// Why it was chosen, for people.
  public var choice: String

  /// A product.
  public init(rows: Dim, n: Int, k: Int, input: DType, out: DType, hasResidual: Bool, choice: String) {
    self.rows = rows
    self.n = n
    self.k = k
    self.input = input
    self.out = out
    self.hasResidual = hasResidual
    self.choice = choice
  }
}
