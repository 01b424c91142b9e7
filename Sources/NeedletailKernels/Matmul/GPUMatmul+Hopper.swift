import NeedletailGraph

/// A configuration of `sm90_matmul.cu`: tiles of a block, and what the blocks of a cluster do together.
struct HopperMatmul: Hashable, Sendable {
  /// What the two blocks of a pair have in common; each brings half of it for both.
  enum Sharing: Int, Sendable {
    case nothing = 0
    /// Rows of the weight, of two tiles of rows.
    case weight = 1
    /// Rows of x, of two tiles of columns.
    case activations = 2
  }

  /// Rows of a tile: 128 or 256.
  var tileRows: Int
  /// Rows of the weight of a tile: a multiple of 16.
  var tileColumns: Int
  /// Chunks of 64 columns of k that are in shared memory.
  var stages: Int
  /// What the blocks of a pair share.
  var sharing: Sharing
  /// Parts of k, each of a block (or pair) of the cluster.
  var splits: Int
  /// Parts of k, each of a block or pair of its own, that are summed through the second-level cache: for one tile or
  /// pair of tiles each, where clusters of more than two blocks would leave multiprocessors idle.
  var parts = 1
  /// Tiles of rows, or pairs of them, that are walked together.
  var group: Int

  /// Tiles with as many stages as fit into a block's shared memory, up to 8.
  init(_ tileRows: Int, _ tileColumns: Int, _ sharing: Sharing = .nothing, splits: Int = 1, group: Int = 8) {
    self.tileRows = tileRows
    self.tileColumns = tileColumns
    self.sharing = sharing
    self.splits = splits
    self.group = group
    let left = GPUTraits.h200.sharedBytesPerBlock - Self.fixedBytes(panelPitch: 160)
    stages = min(8, left / Self.stageBytes(tileRows, tileColumns))
  }

  /// Tiles of 128 rows with parts of k that are summed through the second-level cache.
  static func inParts(_ parts: Int, tileColumns: Int, _ sharing: Sharing = .weight) -> HopperMatmul {
    var tile = HopperMatmul(128, tileColumns, sharing)
    tile.parts = parts
    return tile
  }

  /// Bytes of a stage and its barriers.
  private static func stageBytes(_ tileRows: Int, _ tileColumns: Int) -> Int {
    (tileRows + tileColumns) * 128 + 16
  }

  /// Bytes to align the ring with, and of a panel of 16 rows for each of 8 warps.
  private static func fixedBytes(panelPitch: Int) -> Int { 1024 + 8 * 16 * panelPitch }

  /// Blocks of a cluster.
  var clusterSize: Int { (sharing == .nothing ? 1 : 2) * splits }

  /// Bytes of shared memory of a block. Panels are of float32 where a residual is added or the result is float32.
  func sharedBytes(panelsAreFloat32: Bool) -> Int {
    stages * Self.stageBytes(tileRows, tileColumns) + Self.fixedBytes(panelPitch: panelsAreFloat32 ? 160 : 144)
  }

  /// Clusters that run at the same time. Pairs fit everywhere; larger clusters leave some multiprocessors out, since
  /// they lie within a part of the chip (an H200 has room for 30 of 4 blocks, and for 15 of 8).
  static func clusters(of size: Int, on gpu: GPUTraits) -> Int {
    size <= 2 ? gpu.multiprocessors / size : gpu.multiprocessors * 10 / 11 / size
  }

  /// Units (tiles, or pairs that share) along rows and columns.
  func unitExtents(_ problem: ProductProblem) -> (rows: Int, columns: Int) {
    let tileWidth = problem.gate == nil ? tileColumns : tileColumns / 2
    let columns = tileWidth * (sharing == .activations ? 2 : 1)
    return (tileRows * (sharing == .weight ? 2 : 1), (problem.width + columns - 1) / columns)
  }

  /// Units of the most rows.
  func units(_ problem: ProductProblem) -> Int {
    let extents = unitExtents(problem)
    return (problem.maximumRows + extents.rows - 1) / extents.rows * extents.columns
  }
}

extension HopperMatmul {
  /// What is chosen from where nothing was measured.
  static let candidates: [HopperMatmul] = {
    var list: [HopperMatmul] = []
    for columns in stride(from: 256, through: 32, by: -16) {
      for sharing in [Sharing.weight, .activations, .nothing] {
        for splits in [1, 2] {
          list.append(HopperMatmul(128, columns, sharing, splits: splits))
          if columns <= 128 { list.append(HopperMatmul(256, columns, sharing, splits: splits)) }
        }
        for parts in 2...4 where sharing != .activations {
          list.append(.inParts(parts, tileColumns: columns, sharing))
        }
      }
    }
    return list
  }()

  /// Whether the kernel takes a problem in this configuration.
  func applies(to problem: ProductProblem, on gpu: GPUTraits) -> Bool {
    guard sharedBytes(panelsAreFloat32: problem.hasResidual || problem.out == .float32) <= gpu.sharedBytesPerBlock
    else {
      return false
    }
    if sharing == .weight, problem.maximumRows <= tileRows { return false }
    // Of the rows that a large step may score, most steps score few: they must not pay for a pair's or a tall tile's.
    if problem.rows.unit == .scoredRows, sharing == .weight || tileRows > 128 { return false }
    guard splits > 1 || parts > 1 else { return true }
    if problem.isDeterministic { return false }
    if parts > 1 { return problem.gate == nil && hasRoom(forPartsOf: problem, on: gpu) }
    // Larger tiles have no registers left for the sums of parts.
    return problem.gate == nil && tileColumns / 8 % splits == 0 && tileRows * tileColumns <= 128 * 144
  }

  /// Whether every part of every tile has a block or pair, registers for its sums, and memory to leave them in.
  private func hasRoom(forPartsOf problem: ProductProblem, on gpu: GPUTraits) -> Bool {
    let blocks = units(problem) * parts * clusterSize
    let (ownColumns, others) = (tileColumns / parts, parts - 1)
    guard splits == 1, tileRows == 128, tileColumns % (8 * parts) == 0 else { return false }
    // Single blocks with wide tiles, or that each read the weight, measured slower than what else there is.
    if sharing == .nothing, problem.maximumRows > tileRows || tileColumns > 64 { return false }
    return others * ownColumns <= 96 && blocks <= Self.clusters(of: clusterSize, on: gpu) * clusterSize
      && blocks * others * ownColumns * tileRows * 4 <= Buffer.counterBytes
  }

  /// Microseconds by a model of the kernel, fitted to 217 measurements on an H200 (its choices take 0.6 % longer than the
  /// best of those measured). A chunk of k takes the longer of multiplying, at the clock that the power allows, and of
  /// bringing 61 bytes a cycle; a tile's end takes as long as its sums are many, a sum of parts of k 1.8 us in a
  /// cluster, else 1.2 us and 15 bytes a cycle (fitted to 52 measurements more). A last wave that is not full costs less
  /// than a full one, since the others then have more power. The weight comes from memory at least once.
  func microseconds(_ problem: ProductProblem, on gpu: GPUTraits) -> Double {
    let share = Double(units(problem) * parts) / Double(max(1, Self.clusters(of: clusterSize, on: gpu)))
    let waves = share <= 1 ? 1 : 0.83 * share.rounded(.up) + 0.17 * share
    let elements = Double(tileRows * tileColumns)
    let multiplyingChunk = elements / 32 * 1.06 + (sharing == .activations ? 98 : 63)
    let rowsBrought = sharing == .activations ? tileRows : min(tileRows, problem.maximumRows)
    var chunk = max(multiplyingChunk, Double((rowsBrought + tileColumns) * 128) / 61)
    if sharing == .nothing, problem.maximumRows > tileRows { chunk *= 1.02 }
    let chunkColumns = 128 / problem.weight.byteCount * splits * parts
    let chunks = Double((problem.k + chunkColumns - 1) / chunkColumns)
    let left = elements * 4 * Double(parts - 1) / Double(parts)
    let exchange = splits > 1 ? 3200 : parts > 1 ? 2200 + left / 15 : 0
    let end = elements / 7 + exchange + (clusterSize > 2 ? 200 : 0)
    let multiplying = (waves * (chunks * chunk + end) + (clusterSize > 1 ? 1300 : 1000)) / 1780
    let reading = Double(problem.n * problem.k * problem.weight.byteCount) / 4.16e6
    return max(multiplying, reading) + 0.16 * min(multiplying, reading)
  }

  /// The candidate of least time by the model, with that time; the first of those that are equal.
  static func best(for problem: ProductProblem, on gpu: GPUTraits) -> (tile: HopperMatmul, microseconds: Double) {
    let applicable = candidates.filter { $0.applies(to: problem, on: gpu) }
      .map { (tile: $0, microseconds: $0.microseconds(problem, on: gpu)) }
    guard let best = applicable.min(by: { $0.microseconds < $1.microseconds }) else {
      preconditionFailure("\(problem.description): no tile fits into \(gpu.sharedBytesPerBlock) bytes")
    }
    return best
  }
}

extension ProductProblem {
  /// The launch of the Hopper kernel in a configuration.
  func launch(
    _ tile: HopperMatmul, on gpu: GPUTraits, x: BufferReference, weight: BufferReference, choice: String
  ) -> GPULaunch {
    let extents = tile.unitExtents(self)
    // Boxes that lie partly outside of x are slow: the kernel is told where x ends.
    let oddRows = maximumRows % extents.rows == 0 ? 0 : maximumRows
    let xBox = tile.sharing == .activations ? tile.tileRows / 2 : min(tile.tileRows, maximumRows)
    let function = function(
      "sm90_matmul",
      [
        ("NT_IN", Int(self.weight.rawValue)), ("NT_TILE_M", tile.tileRows), ("NT_TILE_N", tile.tileColumns),
        ("NT_STAGES", tile.stages), ("NT_SHARE", tile.sharing.rawValue), ("NT_SPLIT", tile.splits),
        ("NT_PARTS", tile.parts), ("NT_GROUP", tile.group), ("NT_X_ROWS", oddRows),
      ])
    let blocks = HopperMatmul.clusters(of: tile.clusterSize, on: gpu) * tile.clusterSize
    let blocksOfColumns = extents.columns * tile.parts * tile.clusterSize
    let halvesWeight = tile.sharing == .weight || gate != nil
    return GPULaunch(
      function,
      grid: [GridExtent(rows, per: extents.rows, times: blocksOfColumns, limit: blocks)],
      threads: 384, sharedBytes: tile.sharedBytes(panelsAreFloat32: hasResidual || out == .float32),
      cluster: tile.clusterSize,
      tensorMaps: [
        map(x, rows: maximumRows, box: xBox),
        map(weight, rows: n, box: tile.tileColumns / (halvesWeight ? 2 : 1)),
      ],
      choice: choice)
  }

  /// A matrix of k columns, brought in boxes of 64 columns.
  private func map(_ base: BufferReference, rows: Int, box: Int) -> TensorMapPlan {
    TensorMapPlan(
      base, dtype: weight, dimensions: [k, rows], strides: [k * weight.byteCount], box: [64, box], swizzle: 128)
  }
}
