import NeedletailGraph

/// How rows are normalized on a GPU (`rms_norm.h`).
public struct GPURMSNorm: Hashable, Sendable {
  /// Rows of a step.
  public var rows: Dim
  /// The most rows of a step of this variant.
  public var maximumRows: Int
  /// Elements of a row, at most 524,288.
  public var width: Int
  /// Whether the mean is taken away (`nt_rms_norm_arguments.center`).
  public var centers: Bool
  /// Storage of the rows.
  public var x: DType
  /// Storage of what is added to them; nil: nothing.
  public var delta: DType?
  /// Storage of their sum, where it is wanted.
  public var sum: DType?
  /// Storage of weight and bias.
  public var weight: DType
  /// Storage of the normalized rows; nil: only the sum is wanted.
  public var out: DType?

  /// A normalization of rows.
  public init(
    rows: Dim, maximumRows: Int, width: Int, centers: Bool = false, x: DType, delta: DType? = nil, sum: DType? = nil,
    weight: DType = .float32, out: DType?
  ) {
    self.rows = rows
    self.maximumRows = maximumRows
    self.width = width
    self.centers = centers
    self.x = x
    self.delta = delta
    self.sum = sum
    self.weight = weight
    self.out = out
  }

  /// Elements whose sum a warp makes at a time (`NT_SEGMENT` of `row_norm.cuh`).
  static let segment = 256

  /// The launch: a block a row.
  ///
  /// With few rows a warp has one segment, for the shortest way from the first load to the last store. With many it
  /// holds several: two where as many blocks as are resident go over the rows, each reading its next row while it
  /// finishes one; four, and a block for each row, where a second operand takes the registers for that.
  public func launch(on gpu: GPUTraits) -> GPULaunch {
    let segments = max(1, (width + Self.segment - 1) / Self.segment)
    let isLong = maximumRows > 4 * gpu.multiprocessors
    let wanted = isLong ? (delta == nil ? 2 : 4) : 1
    let held = [1, 2, 4].first { $0 >= wanted && (segments + $0 - 1) / $0 <= 32 } ?? 0
    let warps = held > 0 ? (segments + held - 1) / held : 32
    let limit = held == 1 || held == 2 ? gpu.multiprocessors * max(1, 1024 / (warps * 32)) : 1 << 30
    return GPULaunch(
      GPUFunction(
        "norm/rms_norm.cu", entry: "rms_norm",
        [
          "NT_X": Int(x.rawValue), "NT_DELTA": Int(delta?.rawValue ?? 0), "NT_SUM": Int(sum?.rawValue ?? 0),
          "NT_WEIGHT": Int(weight.rawValue), "NT_OUT": Int(out?.rawValue ?? 0), "NT_CENTER": centers ? 1 : 0,
          "NT_WARPS": warps, "NT_HELD": held,
        ]), grid: [GridExtent(rows, limit: limit)], threads: warps * 32,
      choice: held > 0 ? "rule: a row in the registers of a block" : "rule: a row too wide for registers")
  }
}
