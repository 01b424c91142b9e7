import NeedletailGraph

/// How the products of sorted experts are specialized on Hopper: see `cuda/experts/sm90_experts.cu`.
struct HopperExperts: Hashable, Sendable {
  /// Rows of the weight of a tile, and of x where sums are taken in slices.
  static let weightRows = 256, slicedRows = 32

  /// The most rows of x of a tile.
  let rows: Int
  /// Stages of the ring.
  let stages: Int
  /// Bytes of shared memory of a block.
  let sharedBytes: Int

  /// As many stages as fit, up to 8.
  init(rows: Int, out: DType, countBytes: Int, on gpu: GPUTraits) {
    let panelBytes = out == .float32 ? 0 : 4 * 32 * 128
    let (fixed, stageBytes) = (1024 + countBytes + panelBytes, (Self.weightRows + rows) * 128 + 16)
    self.rows = rows
    stages = min(8, (gpu.sharedBytesPerBlock - fixed) / stageBytes)
    sharedBytes = fixed + stages * stageBytes
  }
}

extension ExpertsProblem {
  /// Whether the copy engine takes rows of x and of the weights, and results are written 16 bytes at a time.
  var hasWholeParts: Bool { width % 8 == 0 && inner % 8 == 0 && isAligned }

  /// The most rows of x of a tile: those of most experts at once, up to what a block has registers for. In slices there are
  /// three sums for each one.
  private func hopperRows(isSliced: Bool) -> Int {
    if isSliced { return HopperExperts.slicedRows }
    return maximumPairs <= 48 * experts ? 64 : 160
  }

  func hopperLaunch(
    _ part: Part, on gpu: GPUTraits, x: BufferReference, weight: BufferReference, out: DType
  ) -> GPULaunch {
    let isSliced = isSliced(on: gpu)
    let tile = HopperExperts(rows: hopperRows(isSliced: isSliced), out: out, countBytes: tileCountBytes, on: gpu)
    let function = function(
      "sm90_experts", part,
      [
        ("NT_IN", Int(self.weight.rawValue)), ("NT_OUT", Int(out.rawValue)),
        ("NT_GATE", part == .gateUp ? Int(activation.rawValue) : -1), ("NT_ROWS", tile.rows),
        ("NT_STAGES", tile.stages), ("NT_GROUP", 8), ("NT_SLICED", isSliced ? 1 : 0),
      ])
    let k = k(part)
    func map(_ base: BufferReference, rows: Int, box: Int) -> TensorMapPlan {
      TensorMapPlan(
        base, dtype: self.weight, dimensions: [k, rows], strides: [k * self.weight.byteCount], box: [64, box],
        swizzle: 128)
    }
    return GPULaunch(
      function, grid: [tiles(part, tile.rows, HopperExperts.weightRows, limit: gpu.multiprocessors)], threads: 384,
      sharedBytes: tile.sharedBytes,
      tensorMaps: [
        map(x, rows: maximumPairs + GPUSortedExperts.spareRows, box: GPUSortedExperts.copiedRows),
        map(weight, rows: experts * n(part), box: HopperExperts.weightRows / 2),
      ],
      choice: "rule: tiles of \(tile.rows) x \(HopperExperts.weightRows) for up to \(maximumPairs) pairs")
  }
}
