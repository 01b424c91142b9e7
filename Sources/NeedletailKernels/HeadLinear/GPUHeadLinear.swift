import NeedletailGraph

extension HeadLinearProblem {
  /// How the product runs on a GPU, in steps of up to so many rows. See `cuda/matmul/head_linear.cu`.
  public func launch(maximumRows: Int) -> GPULaunch {
    let aligned = k % 8 == 0 && (!isTransposed || n % 8 == 0)
    guard x == weight, weight.byteCount == 2, aligned, out.byteCount == 4 || n % 2 == 0 else {
      return GPULaunch(
        GPUFunction(
          "matmul/head_linear_plain.cu", entry: "head_linear_plain",
          [
            "NT_X": Int(x.rawValue), "NT_W": Int(weight.rawValue), "NT_OUT": Int(out.rawValue),
            "NT_TRANSPOSED": isTransposed ? 1 : 0,
          ]), grid: [GridExtent((n + 127) / 128), GridExtent(rows, limit: 1024), GridExtent(heads)], threads: 128,
        choice: "rule: a thread an output")
    }
    let tile = maximumRows <= 16 ? 16 : 64
    return GPULaunch(
      GPUFunction(
        "matmul/head_linear.cu", entry: "head_linear",
        [
          "NT_IN": Int(x.rawValue), "NT_OUT": Int(out.rawValue), "NT_TILE_M": tile,
          "NT_TRANSPOSED": isTransposed ? 1 : 0,
        ]), grid: [GridExtent((n + 63) / 64), GridExtent(rows, per: tile), GridExtent(heads)], threads: 128,
      sharedBytes: 3 * (tile + 64) * 128, choice: "rule: \(tile) rows by 64 outputs of a head")
  }
}
