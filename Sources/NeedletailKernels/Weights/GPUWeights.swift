import CNeedletailKernels
import NeedletailGraph

/// How weights are made or converted on a GPU (`dummy_weights.h`): launches for one part of a weight, a thread eight
/// columns, blocks along y share the rows.
public enum GPUWeights {
  /// Blocks along y that share the rows.
  static let mostRowBlocks = 32_768

  /// Fills `rows` rows of `columns` elements with dummy weights (`nt_dummy_weights_arguments`).
  public static func dummy(rows: Int, columns: Int, out: DType) -> GPULaunch {
    launch(
      GPUFunction("weights/dummy_weights.cu", entry: "dummy_weights", ["NT_OUT": Int(out.rawValue)]), rows: rows,
      columns: columns)
  }

  /// Converts `rows` rows of `columns` elements (`nt_convert_rows_arguments`).
  public static func convert(rows: Int, columns: Int, isTransposed: Bool, x: DType, out: DType) -> GPULaunch {
    let function = GPUFunction(
      "weights/convert_rows.cu", entry: "convert_rows",
      ["NT_X": Int(x.rawValue), "NT_OUT": Int(out.rawValue), "NT_TRANSPOSED": isTransposed ? 1 : 0])
    guard isTransposed else { return launch(function, rows: rows, columns: columns) }
    return GPULaunch(
      function,
      grid: [GridExtent((columns + 63) / 64), GridExtent(min((rows + 63) / 64, mostRowBlocks))], threads: 256,
      choice: "rule: a block tiles of 64 x 64")
  }

  private static func launch(_ function: GPUFunction, rows: Int, columns: Int) -> GPULaunch {
    let vectors = max(1, (columns + 7) / 8)
    let threads = min(256, (vectors + 31) / 32 * 32)
    return GPULaunch(
      function, grid: [GridExtent((vectors + threads - 1) / threads), GridExtent(min(rows, mostRowBlocks))],
      threads: threads, choice: "rule: a thread eight columns")
  }
}
