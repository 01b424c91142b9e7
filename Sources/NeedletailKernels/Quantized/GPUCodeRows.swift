import NeedletailGraph

/// How activations become codes of 8 bits on a GPU (`code_rows.h`).
public struct GPUCodeRows: Hashable, Sendable {
  /// What is coded.
  public enum Form: Hashable, Sendable {
    /// Rows as they are.
    case rows
    /// Normalized rows.
    case norm(Norm.Kind)
    /// activation(gate) * value of rows of gates, then values.
    case gated(Activation)
  }

  /// Rows of the step.
  public var rows: Dim
  /// The most rows of a step of this variant.
  public var maximumRows: Int
  /// Codes of a row, at most 131,072.
  public var width: Int
  /// What is coded.
  public var form: Form
  /// Storage of x.
  public var x: DType
  /// The 16-bit type that is rounded to before coding.
  public var operand: DType
  /// `.float8e4m3` or `.int8`.
  public var code: DType
  /// Whether 128 columns share a scale, rather than a row.
  public var isGrouped: Bool
  /// Whether columns are divided by a vector first.
  public var hasInputScale: Bool

  /// A coding of rows.
  public init(
    rows: Dim, maximumRows: Int, width: Int, form: Form, x: DType, operand: DType, code: DType = .float8e4m3,
    isGrouped: Bool = false, hasInputScale: Bool = false
  ) {
    self.rows = rows
    self.maximumRows = maximumRows
    self.width = width
    self.form = form
    self.x = x
    self.operand = operand
    self.code = code
    self.isGrouped = isGrouped
    self.hasInputScale = hasInputScale
  }

  /// The launch, a block a row; nil where a row is too wide, or before sm_89, which has no fp8.
  ///
  /// With few rows a warp has one segment of 256 columns, for the shortest way from the first load to the last store; with
  /// many several, as measured on an H200.
  public func launch(on gpu: GPUTraits) -> GPULaunch? {
    guard code == .int8 || gpu.architecture != "sm_80" else { return nil }
    let segments = max(1, (width + 255) / 256)
    let wanted = maximumRows > 4 * gpu.multiprocessors ? 4 : 1
    guard let held = [1, 2, 4, 8, 16].first(where: { $0 >= wanted && (segments + $0 - 1) / $0 <= 32 }) else {
      return nil
    }
    let warps = (segments + held - 1) / held
    let (formNumber, activation): (Int, Activation) =
      switch form {
      case .rows: (0, .identity)
      case .norm(let kind): (kind == .rms ? 1 : 2, .identity)
      case .gated(let activation): (3, activation)
      }
    return GPULaunch(
      GPUFunction(
        "quantized/code_rows.cu", entry: "code_rows",
        [
          "NT_X": Int(x.rawValue), "NT_OPERAND": Int(operand.rawValue), "NT_FORM": formNumber,
          "NT_CODE": Int(code.rawValue), "NT_GROUPED": isGrouped ? 1 : 0, "NT_SCALED": hasInputScale ? 1 : 0,
          "NT_WARPS": warps, "NT_HELD": held, "NT_ACTIVATION": Int(activation.rawValue),
        ]),
      grid: [GridExtent(rows)], threads: warps * 32,
      choice: "rule: a block a row, \(held) segments of 256 a warp")
  }
}
