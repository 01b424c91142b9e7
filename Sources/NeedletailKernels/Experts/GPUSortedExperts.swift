import NeedletailGraph

/// The launches around the products of sorted experts.
public enum GPUSortedExperts {
  /// Rows of x of a copy of the Hopper kernel.
  static let copiedRows = 32
  /// Rows that sorted ones go on for: the last copy may reach past the last one.
  static let spareRows = copiedRows

  /// Pairs by expert, in one block (`experts/sort_experts.cu`).
  public static func sort(maximumPairs: Int, experts: Int, on gpu: GPUTraits) -> GPULaunch {
    // A warp for every two times 32 pairs, and threads for the experts, as far as there is room for their counts.
    let wanted = max((maximumPairs + 63) / 64, (experts + 31) / 32)
    let room = (gpu.sharedBytesPerBlock - 1024) / (experts * 4)
    let warps = max(1, min(32, wanted, room))
    return GPULaunch(
      GPUFunction("experts/sort_experts.cu", entry: "sort_experts"), grid: [GridExtent(1)], threads: warps * 32,
      sharedBytes: warps * experts * 4, choice: "rule: a warp for 64 pairs, up to 32")
  }

  /// Rows in the order of their experts (`experts/gather_experts.cu`).
  public static func gather(pairs: Dim, rowBytes: Int) -> GPULaunch {
    let access = [16, 4, 2].first { rowBytes % $0 == 0 } ?? 2
    let pieces = rowBytes / access
    let threads = min(256, (pieces + 31) / 32 * 32)
    return GPULaunch(
      GPUFunction("experts/gather_experts.cu", entry: "gather_experts", ["NT_BYTES": access]),
      grid: [GridExtent((pieces + threads - 1) / threads), GridExtent(pairs, per: 4, limit: 65_535)], threads: threads,
      choice: "rule: \(access) bytes a thread, four rows")
  }

  /// The sum of each token's experts (`experts/combine_experts.cu`).
  public static func combine(
    rows: Dim, maximumRows: Int, width: Int, x: DType, out: DType, hasResidual: Bool
  ) -> GPULaunch {
    let vectors = (width + GPUElementwise.vector - 1) / GPUElementwise.vector
    // Few tokens are spread over more blocks.
    let threads = min(maximumRows < 64 ? 64 : 256, (vectors + 31) / 32 * 32)
    return GPULaunch(
      GPUFunction(
        "experts/combine_experts.cu", entry: "combine_experts",
        ["NT_X": Int(x.rawValue), "NT_OUT": Int(out.rawValue), "NT_RESIDUAL": hasResidual ? 1 : 0]),
      grid: [GridExtent((vectors + threads - 1) / threads), GridExtent(rows, limit: 65_535)], threads: threads,
      choice: "rule: a thread eight columns")
  }
}

extension ExpertsProblem {
  /// The launch of a product over sorted, gathered rows: wgmma on Hopper, the matrix instructions of a warp elsewhere and for
  /// shapes that the copy engine does not take, float32 arithmetic for float32 and for types that differ. There is always one.
  ///
  /// - Parameters:
  ///   - x: Where the rows lie; on Hopper there are `GPUSortedExperts.spareRows` more than pairs.
  ///   - weight: Where the weights lie.
  public func sortedLaunch(
    _ part: Part, on gpu: GPUTraits, x: BufferReference, weight: BufferReference, out: DType
  ) -> GPULaunch {
    let is16Bit = input(part) == self.weight && self.weight.byteCount == 2
    guard is16Bit else { return plainLaunch(part, out: out) }
    let isAligned = k(part) % 8 == 0 && [x, weight].allSatisfy { $0.offset % 16 == 0 }
    guard gpu.isHopper, isAligned, hasWholeParts else { return warpLaunch(part, isAligned: isAligned, out: out) }
    return hopperLaunch(part, on: gpu, x: x, weight: weight, out: out)
  }

  /// Blocks for all tiles that there can be. Each expert has at most one that is not full.
  func tiles(_ part: Part, _ tileRows: Int, _ tileColumns: Int, limit: Int? = nil) -> GridExtent {
    let width = part == .gateUp ? tileColumns / 2 : tileColumns
    let columns = (resultWidth(part) + width - 1) / width
    let partial = min(experts, maximumPairs)
    var extent = GridExtent(pairs, per: tileRows, times: columns, limit: limit) + GridExtent(partial * columns)
    extent.limit = limit
    return extent
  }

  private func sortedDefines(_ part: Part, out: DType) -> [(String, Int)] {
    [
      ("NT_OUT", Int(out.rawValue)), ("NT_GATE", part == .gateUp ? Int(activation.rawValue) : -1), ("NT_RESIDUAL", 0),
    ]
  }

  /// Bytes of the tiles before each expert.
  var tileCountBytes: Int { (experts + 1) * 4 }

  private func warpLaunch(_ part: Part, isAligned: Bool, out: DType) -> GPULaunch {
    // Smaller tiles where experts have few rows.
    let tileRows = maximumPairs <= 64 * experts ? 64 : 128
    let function = function(
      "mma_experts", part,
      sortedDefines(part, out: out) + [
        ("NT_IN", Int(weight.rawValue)), ("NT_TILE_M", tileRows), ("NT_ALIGNED", isAligned ? 1 : 0),
      ])
    return GPULaunch(
      function, grid: [tiles(part, tileRows, 128)], threads: 256,
      sharedBytes: 4 * (tileRows + 128) * 64 + tileCountBytes,
      choice: "rule: tiles of \(tileRows) x 128 for up to \(maximumPairs) pairs")
  }

  private func plainLaunch(_ part: Part, out: DType) -> GPULaunch {
    let perExpert = maximumPairs / max(1, min(experts, maximumPairs))
    let (tileRows, tileColumns) = perExpert <= 16 ? (16, 64) : perExpert <= 256 ? (64, 64) : (128, 128)
    let function = function(
      "simt_experts", part,
      sortedDefines(part, out: out) + [
        ("NT_X", Int(input(part).rawValue)), ("NT_W", Int(weight.rawValue)), ("NT_TILE_M", tileRows),
        ("NT_TILE_N", tileColumns),
      ])
    return GPULaunch(
      function, grid: [tiles(part, tileRows, tileColumns)], threads: 256, sharedBytes: tileCountBytes,
      choice: "rule: tiles of \(tileRows) x \(tileColumns) for up to \(maximumPairs) pairs")
  }
}
