import NeedletailGraph

/// How the fp8 products of 17 to 64 rows are specialized on Hopper: see `cuda/quantized/sm90_fp8_wide.cu`. They have the
/// bits that `GPUFloat8Product`'s have for fewer rows.
public struct GPUFloat8WideProduct: Hashable, Sendable, Codable {
  /// Rows of the weight that are multiplied at a time.
  static let tileRows = 64
  /// Bytes of a stage of the ring, its barriers included.
  static let stageBytes = tileRows * GPUFloat8Product.stepColumns + 16

  /// Rows that the machine code has room for: 32 or 64.
  public var rows: Int
  /// Blocks of a cluster, which share k: 4 or 8.
  public var cluster: Int
  /// Groups of four warps that take tiles by turns.
  public var warpgroups: Int
  /// Stages of the ring.
  public var stages: Int

  /// The configuration; nil where a block's part of the activations does not fit into shared memory beside a ring.
  init?(_ problem: Float8Problem, on gpu: GPUTraits) {
    rows = problem.product.maximumRows <= 32 ? 32 : 64
    (cluster, warpgroups, stages) = (4, 2, 0)
    var best: (shape: GPUFloat8WideProduct, microseconds: Double)?
    for cluster in [4, 8] {
      var candidate = self
      candidate.cluster = cluster
      candidate.stages = min(24, (gpu.sharedBytesPerBlock - candidate.sharedBytes(problem)) / Self.stageBytes)
      let microseconds = candidate.microseconds(problem, on: gpu)
      guard candidate.stages >= 8, microseconds < best?.microseconds ?? .infinity else { continue }
      best = (candidate, microseconds)
    }
    guard let best else { return nil }
    self = best.shape
  }

  /// Microseconds that the tiles of a cluster take, by measurements on an H200: bytes at the memory's rate, and half a
  /// microsecond for the exchange of sums.
  private func microseconds(_ problem: Float8Problem, on gpu: GPUTraits) -> Double {
    let (tiles, most) = (Self.tiles(problem.product), max(1, gpu.multiprocessors * 10 / 11 / cluster))
    let turns = Double((tiles + most - 1) / most)
    return turns * (Double(Self.tileRows * problem.product.k / cluster) / 34_500 + 0.5)
  }

  /// Tiles of the weight.
  static func tiles(_ product: ProductProblem) -> Int {
    let width = product.gate == nil ? tileRows : tileRows / 2
    return (product.width + width - 1) / width
  }

  /// Clusters that are resident at once, or fewer that have as much to do.
  func clusters(_ problem: Float8Problem, on gpu: GPUTraits) -> Int {
    let (tiles, most) = (Self.tiles(problem.product), max(1, gpu.multiprocessors * 10 / 11 / cluster))
    let turns = max(1, (tiles + most - 1) / most)
    return max(1, (tiles + turns - 1) / turns)
  }

  /// Bytes of shared memory of a block (`sm90_fp8_wide_layout.cuh`).
  func sharedBytes(_ problem: Float8Problem) -> Int {
    let steps = 16 / cluster * GPUFloat8Product.steps(problem)
    let owned = max(1, rows / 8 / cluster)
    let scales = problem.scales == .groups ? steps * rows * 4 : 0
    return stages * Self.stageBytes + steps * rows * GPUFloat8Product.stepColumns
      + warpgroups * (cluster * owned * 2048 + 16) + 8 + scales
  }

  /// The launch.
  func launch(
    _ problem: Float8Problem, on gpu: GPUTraits, weight: BufferReference, x: BufferReference
  ) -> GPULaunch {
    let product = problem.product
    var function = GPUFunction("quantized/sm90_fp8_wide.cu", entry: "sm90_fp8_wide")
    function.defines =
      (problem.defines + [
        .init(name: "NT_X", value: Int(DType.float8e4m3.rawValue)),
        .init(name: "NT_GATED", value: product.gate == nil ? 0 : 1),
        .init(name: "NT_ACTIVATION", value: Int((product.gate ?? .identity).rawValue)),
        .init(name: "NT_ROWS", value: rows), .init(name: "NT_CLUSTER", value: cluster),
        .init(name: "NT_WARPGROUPS", value: warpgroups), .init(name: "NT_STAGES", value: stages),
        .init(name: "NT_WHOLE", value: product.k % (16 * GPUFloat8Product.stepColumns) == 0 ? 1 : 0),
      ]).sorted { $0.name < $1.name }
    let columns = GPUFloat8Product.stepColumns
    let weightMap =
      product.gate == nil
      ? TensorMapPlan(
        weight, dtype: .uint8, dimensions: [product.k, product.n], strides: [product.k], box: [columns, Self.tileRows],
        swizzle: 128)
      : TensorMapPlan(
        weight, dtype: .uint8, dimensions: [product.k, product.width, 2],
        strides: [product.k, product.width * product.k], box: [columns, 8, 2], swizzle: 128)
    let xMap = TensorMapPlan(
      x, dtype: .uint8, dimensions: [product.k, product.maximumRows], strides: [product.k], box: [columns, rows],
      swizzle: 128)
    return GPULaunch(
      function, grid: [GridExtent(clusters(problem, on: gpu) * cluster)], threads: (warpgroups * 4 + 1) * 32,
      sharedBytes: sharedBytes(problem), cluster: cluster, tensorMaps: [weightMap, xMap],
      choice: "rule: clusters of \(cluster), \(stages) stages")
  }
}
