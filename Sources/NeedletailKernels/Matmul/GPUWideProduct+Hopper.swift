import NeedletailGraph

/// How the products of 17 to 64 rows are specialized on Hopper: see `cuda/product/sm90_wide_product.cu`. They have the
/// bits that `GPUProduct`'s have for fewer rows.
public struct GPUHopperWideProduct: Hashable, Sendable, Codable {
  /// Blocks of a cluster; each has four of the slices of k.
  static let cluster = 4
  /// Rows of the weight that a group of warps multiplies at a time.
  static let groupRows = 64

  /// Rows that the machine code has room for: 32 or 64.
  public var rows: Int
  /// Groups of 4 warps of a block, each with its own rows of the weight.
  public var warpgroups: Int
  /// Chunks of k that are multiplied at a time.
  public var step: Int
  /// Stages of the ring of the weight.
  public var stages: Int
  /// Steps that the activations are there for.
  public var activationStages: Int

  /// Warps that bring the activations: as many as leave the others their registers.
  var activationWarps: Int { rows == 64 && warpgroups == 3 ? 3 : 7 }
  /// Threads of a block; one more warp brings the weight.
  var threads: Int { (warpgroups * 4 + activationWarps + 1) * 32 }

  /// Bytes of shared memory of a block (`sm90_wide_layout.cuh`).
  var sharedBytes: Int {
    let weight = stages * (warpgroups * step * 4096 + 16)
    let activations = activationStages * (step * rows * 64 + 16)
    return weight + activations + warpgroups * rows * 256 + 16
  }

  /// Clusters that are resident at once: groups of multiprocessors whose number a cluster does not divide leave some
  /// idle, of an H200's 132 twelve.
  static func residentClusters(on gpu: GPUTraits) -> Int { max(1, gpu.multiprocessors * 10 / 11 / cluster) }

  /// How often the grid's clusters go over the weight, and how many there are: all that are resident, or fewer that go
  /// no more often.
  static func grid(width: Int, isGated: Bool, warpgroups: Int, gpu: GPUTraits) -> (passes: Int, clusters: Int) {
    let rows = groupRows * warpgroups / (isGated ? 2 : 1)
    let tiles = (width + rows - 1) / rows
    let most = residentClusters(on: gpu)
    let passes = max(1, (tiles + most - 1) / most)
    return (passes, max(1, (tiles + passes - 1) / passes))
  }

  init(_ problem: ProductProblem, on gpu: GPUTraits) {
    rows = problem.maximumRows <= 32 ? 32 : 64
    // A slice has an even number of chunks.
    step = problem.k % (32 * 16 * 2) == 0 ? 2 : 1
    // The most rows of the weight that the activations come for at once, where a multiprocessor has hardly more to do
    // than with fewer.
    func work(_ groups: Int) -> Int {
      Self.grid(width: problem.width, isGated: problem.gate != nil, warpgroups: groups, gpu: gpu).passes * groups
    }
    let least = min(work(1), work(2), work(3))
    warpgroups = [3, 2].first { work($0) * 20 <= least * 21 } ?? 1
    stages = 0
    // All of a block's part of the activations, where that leaves room for the weight.
    let chunks = ((problem.k + 31) / 32 + Self.cluster - 1) / Self.cluster
    let steps = (chunks + step - 1) / step
    let isShort = steps * step * rows * 64 <= 64 << 10
    activationStages = (rows == 64 && warpgroups == 3 ? 6 : 8) / step
    if rows == 32 && isShort { activationStages = max(activationStages, steps) }
    var candidate = self
    stages =
      (2...24 / step).last {
        candidate.stages = $0
        return candidate.sharedBytes <= gpu.sharedBytesPerBlock
      } ?? 2
  }

  /// The launch. Rows of the weight start at multiples of 16 bytes.
  func launch(
    _ problem: ProductProblem, weight: BufferReference, defines: [GPUFunction.Define], on gpu: GPUTraits
  ) -> GPULaunch {
    var function = GPUFunction("product/sm90_wide_product.cu", entry: "nt_wide_product")
    function.defines =
      defines + [
        .init(name: "NT_ROWS", value: rows), .init(name: "NT_CLUSTER", value: Self.cluster),
        .init(name: "NT_WARPGROUPS", value: warpgroups), .init(name: "NT_X_WARPS", value: activationWarps),
        .init(name: "NT_STEP", value: step), .init(name: "NT_STAGES", value: stages),
        .init(name: "NT_X_STAGES", value: activationStages),
      ]
    function.defines.sort { $0.name < $1.name }
    let clusters = Self.grid(
      width: problem.width, isGated: problem.gate != nil, warpgroups: warpgroups, gpu: gpu
    ).clusters
    // Gated, a block takes half of its rows from the gates and half from the values.
    let boxRows = warpgroups * Self.groupRows / (problem.gate == nil ? 1 : 2)
    let map = TensorMapPlan(
      weight, dtype: problem.weight, dimensions: [problem.k, problem.n],
      strides: [problem.k * problem.weight.byteCount], box: [step * 32, boxRows], swizzle: step * 64)
    return GPULaunch(
      function, grid: [GridExtent(clusters * Self.cluster)], threads: threads, sharedBytes: sharedBytes,
      cluster: Self.cluster, tensorMaps: [map],
      choice: "rule: \(warpgroups) groups of 64 rows a block, \(stages) stages of \(step) chunks")
  }
}
