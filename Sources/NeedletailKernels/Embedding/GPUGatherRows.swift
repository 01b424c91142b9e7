import NeedletailGraph

/// How rows of a table are gathered on a GPU (`nt_gather_rows_arguments`; `x_panels` is 0 there). With `carried` set to
/// the tokens that the step before has chosen, index -1 - r stands for its row r.
public enum GPUGatherRows {
  /// The launch.
  public static func launch(rows: Dim, width: Int, x: DType, out: DType) -> GPULaunch {
    GPUElementwise.launch(
      GPUFunction(
        "elementwise/gather_rows.cu", entry: "gather_rows", ["NT_X": Int(x.rawValue), "NT_OUT": Int(out.rawValue)]),
      rows: rows, width: width)
  }
}
