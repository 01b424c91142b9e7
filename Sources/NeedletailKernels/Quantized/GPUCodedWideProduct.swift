import NeedletailGraph

/// How the products of 9 to 64 rows with a coded weight are specialized on Hopper: see
/// `cuda/product/sm90_coded_product.cu`. They have the bits that `GPUCodedProduct`'s have for fewer rows.
struct GPUCodedWideProduct: Hashable {
  /// Blocks of a cluster; each has four of the slices of k.
  static let cluster = 4

  /// Rows that the machine code has room for: 32 or 64.
  var rows: Int
  /// Groups of 4 warps of a block, each with 64 rows of the weight.
  var warpgroups: Int
  /// Stages of the ring of the weight.
  var stages = 0
  /// Chunks that the activations are there for.
  var activationStages: Int

  /// Bytes of shared memory of a block (`sm90_coded_layout.cuh`).
  func sharedBytes(_ codes: CodeTiles) -> Int {
    let activations = activationStages * (codes.chunkColumns / 64 * rows * 128 + 16)
    let weight = stages * warpgroups * 4 * (1024 + 64 * codes.groupsOfChunk)
    return activations + weight + warpgroups * rows * 256 + 16
  }

  init(_ problem: CodedProductProblem, on gpu: GPUTraits) {
    let product = problem.product
    rows = product.maximumRows <= 32 ? 32 : 64
    // The most rows of the weight that the activations come for at once, where a multiprocessor has hardly more to do than
    // with fewer.
    func work(_ groups: Int) -> Int {
      GPUHopperWideProduct.grid(
        width: product.width, isGated: product.gate != nil, warpgroups: groups, gpu: gpu
      ).passes * groups
    }
    let least = min(work(1), work(2), work(3))
    warpgroups = [3, 2].first { work($0) * 20 <= least * 21 } ?? 1
    activationStages = 256 / problem.tiles.chunkColumns * 2
    var candidate = self
    stages =
      (2...12).last {
        candidate.stages = $0
        return candidate.sharedBytes(problem.tiles) <= gpu.sharedBytesPerBlock
      } ?? 2
  }

  /// The launch.
  func launch(_ problem: CodedProductProblem, x: BufferReference, xStride: Int?, on gpu: GPUTraits) -> GPULaunch {
    let product = problem.product
    var function = GPUFunction("product/sm90_coded_product.cu", entry: "nt_coded_product")
    function.defines =
      problem.defines(isAligned: true)
      + [
        .init(name: "NT_ROWS", value: rows), .init(name: "NT_CLUSTER", value: Self.cluster),
        .init(name: "NT_WARPGROUPS", value: warpgroups), .init(name: "NT_STAGES", value: stages),
        .init(name: "NT_X_STAGES", value: activationStages),
      ]
    function.defines.sort { $0.name < $1.name }
    let clusters = GPUHopperWideProduct.grid(
      width: product.width, isGated: product.gate != nil, warpgroups: warpgroups, gpu: gpu
    ).clusters
    return GPULaunch(
      function, grid: [GridExtent(clusters * Self.cluster)], threads: (warpgroups * 4 + 1) * 32,
      sharedBytes: sharedBytes(problem.tiles), cluster: Self.cluster,
      tensorMaps: [problem.map(of: x, rows: rows, xStride: xStride)],
      choice: "rule: \(warpgroups) groups of 64 rows a block, \(stages) stages")
  }
}
