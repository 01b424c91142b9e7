import NeedletailGraph

/// A product of activations in fp8 with a weight in fp8 (e4m3) on a GPU: see `quantized_product.h`.
public struct Float8Problem: Hashable, Sendable, Codable {
  /// What shares a scale.
  public enum Scales: String, Hashable, Sendable, Codable {
    /// Rows of x, found where they are coded, and rows of the weight.
    case rows
    /// All of x, given; rows of the weight.
    case tensor
    /// 128 columns of a row of x, and 128 x 128 of the weight.
    case groups
  }

  /// Columns of a group.
  public static let groupColumns = 128

  /// The product, with what is computed before and after it. `x` is `.float8e4m3` where the activations are coded already.
  public var product: ProductProblem
  /// The 16-bit type that activations are rounded to before they are coded.
  public var operand: DType
  /// What shares a scale.
  public var scales: Scales
  /// Whether the columns of x are divided by a vector before they are coded.
  public var hasInputScale = false

  /// A product.
  public init(_ product: ProductProblem, operand: DType, scales: Scales, hasInputScale: Bool = false) {
    self.product = product
    self.operand = operand
    self.scales = scales
    self.hasInputScale = hasInputScale
  }

  /// Whether the activations are coded already.
  public var isCoded: Bool { product.x == .float8e4m3 }

  /// Reads the codes and their scales once.
  public var cost: Cost {
    var cost = product.cost
    let groups = scales == .groups ? (product.k + Self.groupColumns - 1) / Self.groupColumns : 1
    cost.weightBytes += scales == .groups ? (product.n + 127) / 128 * groups * 4 : product.n * 4
    if isCoded, scales != .tensor { cost.activationBytes.add(product.rows, times: groups * 4) }
    return cost
  }

  /// "rms_norm [tokens, 4096] float32, coded for each row x [6144, 4096] float8e4m3 -> bfloat16"
  public var description: String {
    let coded =
      isCoded ? "" : ", coded for each \(scales == .rows ? "row" : scales == .tensor ? "tensor" : "128 columns")"
    let text = product.description
    guard let range = text.firstRange(of: " x [") else { return text }
    return text[..<range.lowerBound] + coded + text[range.lowerBound...]
  }

  /// Whether Hopper's copy engine can bring x and the weight, and scales of groups are whole.
  func isAligned(_ operands: [BufferReference]) -> Bool {
    product.k % (scales == .groups ? Self.groupColumns : 16) == 0 && operands.allSatisfy { $0.offset % 16 == 0 }
  }

  /// What is computed, as the sources are told of it.
  var defines: [GPUFunction.Define] {
    [
      .init(name: "NT_OUT", value: Int(product.out.rawValue)),
      .init(name: "NT_BIAS", value: product.hasBias ? 1 : 0),
      .init(name: "NT_RESIDUAL", value: product.hasResidual ? 1 : 0),
      .init(name: "NT_STATIC", value: scales == .tensor ? 1 : 0),
      .init(name: "NT_GROUPED", value: scales == .groups ? 1 : 0),
    ]
  }
}
