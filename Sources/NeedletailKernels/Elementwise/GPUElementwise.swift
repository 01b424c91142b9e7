import NeedletailGraph

/// How the kernels that touch each element once run on a GPU (`elementwise.h`): a thread has eight columns, blocks
/// along y share the rows.
public enum GPUElementwise {
  /// Elements of a thread in a row (`NT_VECTOR` of `vectors.cuh`).
  static let vector = 8

  /// activation(gate) * up, out of rows of 2 * `width` elements.
  public static func gatedActivation(_ activation: Activation, rows: Dim, width: Int, x: DType, out: DType) -> GPULaunch
  {
    launch(
      GPUFunction(
        "elementwise/gated_activation.cu", entry: "gated_activation",
        ["NT_X": Int(x.rawValue), "NT_OUT": Int(out.rawValue), "NT_ACTIVATION": Int(activation.rawValue)]),
      rows: rows, width: width)
  }

  /// activation(x) * scale + offset, a soft cap, or a copy; kept between bounds where `clamps`.
  public static func unary(
    _ activation: Activation, hasSoftcap: Bool, clamps: Bool = false, rows: Dim, width: Int, x: DType, out: DType
  ) -> GPULaunch {
    launch(
      GPUFunction(
        "elementwise/unary.cu", entry: "unary",
        [
          "NT_X": Int(x.rawValue), "NT_OUT": Int(out.rawValue), "NT_ACTIVATION": Int(activation.rawValue),
          "NT_SOFTCAP": hasSoftcap ? 1 : 0, "NT_CLAMP": clamps ? 1 : 0,
        ]), rows: rows, width: width)
  }

  /// Rows times a factor of their position.
  public static func positionScale(rows: Dim, width: Int, x: DType, out: DType) -> GPULaunch {
    launch(
      GPUFunction(
        "elementwise/position_scale.cu", entry: "position_scale",
        ["NT_X": Int(x.rawValue), "NT_OUT": Int(out.rawValue)]), rows: rows, width: width)
  }

  /// a op b.
  public static func binary(
    _ operation: BinaryOperation, rows: Dim, width: Int, a: DType, b: DType, out: DType
  ) -> GPULaunch {
    launch(
      GPUFunction(
        "elementwise/binary.cu", entry: "binary",
        [
          "NT_A": Int(a.rawValue), "NT_B": Int(b.rawValue), "NT_OUT": Int(out.rawValue),
          "NT_OPERATION": Int(operation.rawValue),
        ]), rows: rows, width: width)
  }

  /// The launch of a kernel that gives each thread eight columns.
  static func launch(_ function: GPUFunction, rows: Dim, width: Int) -> GPULaunch {
    let vectors = max(1, (width + vector - 1) / vector)
    let threads = min(256, (vectors + 31) / 32 * 32)
    return GPULaunch(
      function, grid: [GridExtent((vectors + threads - 1) / threads), GridExtent(rows, limit: 65_535)],
      threads: threads, choice: "rule: a thread eight columns")
  }
}
