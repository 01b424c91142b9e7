import NeedletailGraph

/// How the products of 17 to 64 rows are specialized but on Hopper: see `cuda/product/wide_product.cu`. They have the
/// bits that `GPUProduct`'s have for fewer rows.
public struct GPUWideProduct: Hashable, Sendable, Codable {
  /// Warps of a block; each brings a tile of 16 rows of the weight.
  static let warps = 8

  /// Rows that the machine code has room for: 32 or 64.
  public var rows: Int
  /// Blocks of a cluster, which share rows of the weight and split k.
  public var cluster: Int
  /// Stages of the ring.
  public var stages: Int

  /// Bytes of shared memory of a block.
  var sharedBytes: Int {
    let sums = cluster > 1 ? cluster * 4 * (rows / 8 / cluster) * 512 : 0
    return stages * (Self.warps * 1024 + rows / 8 * 512) + sums
  }

  /// Clusters of a grid: those that are resident at once, or fewer that have no more passes each.
  func clusters(passes: Int, gpu: GPUTraits) -> Int {
    // Two blocks a multiprocessor; groups of multiprocessors whose number the cluster does not divide leave some idle.
    let most = cluster > 1 ? max(1, gpu.multiprocessors * 2 / cluster * 9 / 10) : gpu.multiprocessors
    let each = max(1, (passes + most - 1) / most)
    return max(1, (passes + each - 1) / each)
  }

  init?(_ problem: ProductProblem, on gpu: GPUTraits) {
    rows = problem.maximumRows <= 32 ? 32 : 64
    cluster = gpu.hasBulkCopies ? 4 : 1
    stages = 0
    let limit = cluster > 1 ? (gpu.sharedBytesPerBlock + 1024) / 2 - 1024 : gpu.sharedBytesPerBlock
    var candidate = self
    guard
      let most = (2...10).last(where: {
        candidate.stages = $0
        return candidate.sharedBytes <= limit
      })
    else { return nil }
    stages = most
  }

  func launch(_ problem: ProductProblem, defines: [GPUFunction.Define], on gpu: GPUTraits) -> GPULaunch {
    var function = GPUFunction("product/wide_product.cu", entry: "nt_wide_product")
    function.defines =
      defines + [
        .init(name: "NT_ROWS", value: rows), .init(name: "NT_CLUSTER", value: cluster),
        .init(name: "NT_STAGES", value: stages),
      ]
    function.defines.sort { $0.name < $1.name }
    let passes = GPUProduct.passes(width: problem.width, isGated: problem.gate != nil, tiles: Self.warps)
    return GPULaunch(
      function, grid: [GridExtent(clusters(passes: passes, gpu: gpu) * cluster)], threads: Self.warps * 32,
      sharedBytes: sharedBytes, cluster: cluster, choice: "rule: clusters of \(cluster), \(stages) stages")
  }
}
