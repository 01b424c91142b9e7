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

  /// Threads of a block: four more warps bring what these multiply.
  var threads: Int { (warpgroups + 1) * 128 }

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
    // The fewest groups of rows that a multiprocessor has to do; among these, the most rows that the activations come
    // for at once. With 64 rows the sums of four groups do not fit into registers.
    func work(_ groups: Int) -> Int {
      Self.grid(width: problem.width, isGated: problem.gate != nil, warpgroups: groups, gpu: gpu).passes * groups
    }
    let choices = rows == 32 ? [4, 3, 2, 1] : [3, 2, 1]
    warpgroups = choices.min { work($0) < work($1) } ?? 1
    stages = 0
    activationStages = (rows == 32 ? 8 : 6) / step
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
        .init(name: "NT_WARPGROUPS", value: warpgroups), .init(name: "NT_STEP", value: step),
        .init(name: "NT_STAGES", value: stages), .init(name: "NT_X_STAGES", value: activationStages),
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
