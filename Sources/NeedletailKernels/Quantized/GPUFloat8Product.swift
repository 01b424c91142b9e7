import NeedletailGraph

/// How the fp8 products of few rows are specialized on Hopper: see `cuda/quantized/sm90_fp8_product.cu`.
///
/// The order of additions over k depends on k alone: a row's bits are the same in every configuration, whatever the
/// number of rows.
public struct GPUFloat8Product: Hashable, Sendable, Codable {
  /// The most rows.
  public static let mostRows = 16
  /// Warps that multiply; each has a slice of k. One more brings the weight.
  static let warps = 16
  /// Rows of the weight that a block works on at a time.
  static let tileRows = 16
  /// Columns that come at a time, of each slice.
  static let stepColumns = 128
  /// Bytes of a stage of the ring.
  static let stageBytes = 64 * stepColumns

  /// Rows that the machine code has room for: 2, 4, 8, 16.
  public var rows: Int
  /// The most rows there are: 1, or `rows`.
  public var activationRows: Int
  /// Segments of 256 columns that a warp holds while it codes them.
  public var held: Int
  /// Stages of the ring: a multiple of 4.
  public var stages: Int

  /// The configuration; nil where the kernel does not apply: more rows, or ones that do not fit into shared memory beside
  /// a ring.
  init?(_ problem: Float8Problem, on gpu: GPUTraits) {
    let (product, most) = (problem.product, problem.product.maximumRows)
    guard most <= Self.mostRows, product.k <= 512 << 10 else { return nil }
    rows = most <= 2 ? 2 : most <= 4 ? 4 : most <= 8 ? 8 : 16
    activationRows = most == 1 ? 1 : rows
    let segments = (product.k + 255) / 256
    held = min(4, max(1, (segments + Self.warps - 1) / Self.warps))
    if activationRows > 1 { held = 1 }
    stages = 0
    // No more stages than a block has pieces for: what it leaves free is there for the kernel beside it in time.
    let pieces = Self.passes(product, on: gpu) * Self.steps(problem) * 4 * (product.gate == nil ? 1 : 2)
    var candidate = self
    let fitting = Array(stride(from: 4, through: max(4, min(24, (pieces + 3) / 4 * 4)), by: 4)).last { stages in
      candidate.stages = stages
      return candidate.sharedBytes(problem) <= gpu.sharedBytesPerBlock
    }
    guard let fitting else { return nil }
    stages = fitting
  }

  /// Tiles of a block, at most.
  private static func passes(_ product: ProductProblem, on gpu: GPUTraits) -> Int {
    let tiles = (product.width + tileRows - 1) / tileRows
    return (tiles + gpu.multiprocessors - 1) / gpu.multiprocessors
  }

  /// How often columns come for a tile.
  static func steps(_ problem: Float8Problem) -> Int {
    let chunk = problem.scales == .groups ? Float8Problem.groupColumns : 32
    let ofSlice = ((problem.product.k + chunk - 1) / chunk + warps - 1) / warps
    return (ofSlice * chunk + stepColumns - 1) / stepColumns
  }

  /// Bytes of shared memory of a block (`sm90_fp8_layout.cuh`).
  func sharedBytes(_ problem: Float8Problem) -> Int {
    let segments = (problem.product.k + 255) / 256
    let activations = 4 * Self.steps(problem) * 4 * rows * Self.stepColumns
    let sums = 2 * Self.warps * rows * 20 * 4
    return stages * (Self.stageBytes + 16) + activations + sums + rows * 16 + rows * segments * 12
  }
}

extension Float8Problem {
  /// The kernel for up to 64 rows, which reads the weight at the rate of the memory; nil where it does not apply: other GPUs
  /// than Hopper's, k that is no multiple of 16 (with groups, of 128), rows that do not fit into shared memory. Up to 16
  /// rows it codes activations itself that are not coded; more are coded ahead.
  ///
  /// - Parameters:
  ///   - weight: Where the weight's codes lie.
  ///   - x: Where the activations lie, k elements from row to row.
  public func skinnyLaunch(on gpu: GPUTraits, weight: BufferReference, x: BufferReference) -> GPULaunch? {
    guard gpu.isHopper, isAligned([weight, x]), !isCoded || product.norm == nil else { return nil }
    if let shape = GPUFloat8Product(self, on: gpu) { return shape.launch(self, on: gpu, weight: weight) }
    guard product.maximumRows <= 64, isCoded, !product.gathersRows else { return nil }
    return GPUFloat8WideProduct(self, on: gpu)?.launch(self, on: gpu, weight: weight, x: x)
  }

  /// Whether activations of so many rows should be coded by a launch of their own (`GPUCodeRows`): each block codes all of
  /// them, which costs less than another launch for one or two rows only.
  public static func prefersCodedRows(maximumRows: Int) -> Bool { maximumRows > 2 }
}

extension GPUFloat8Product {
  /// The launch.
  func launch(_ problem: Float8Problem, on gpu: GPUTraits, weight: BufferReference) -> GPULaunch {
    let product = problem.product
    var function = GPUFunction("quantized/sm90_fp8_product.cu", entry: "sm90_fp8_product")
    function.defines =
      (problem.defines + [
        .init(name: "NT_X", value: Int(product.x.rawValue)),
        .init(name: "NT_OPERAND", value: Int(problem.operand.rawValue)),
        .init(name: "NT_NORM", value: product.norm == nil ? 0 : product.norm == .rms ? 1 : 2),
        .init(name: "NT_GATED", value: product.gate == nil ? 0 : 1),
        .init(name: "NT_ACTIVATION", value: Int((product.gate ?? .identity).rawValue)),
        .init(name: "NT_GATHER", value: product.gathersRows ? 1 : 0),
        .init(name: "NT_SCALED", value: problem.hasInputScale ? 1 : 0), .init(name: "NT_ROWS", value: rows),
        .init(name: "NT_X_ROWS", value: activationRows), .init(name: "NT_HELD", value: held),
        .init(name: "NT_STAGES", value: stages),
      ]).sorted { $0.name < $1.name }
    let tiles = (product.width + Self.tileRows - 1) / Self.tileRows
    let map = TensorMapPlan(
      weight, dtype: .uint8, dimensions: [product.k, product.n], strides: [product.k],
      box: [Self.stepColumns, Self.tileRows], swizzle: 128)
    return GPULaunch(
      function, grid: [GridExtent(max(1, min(gpu.multiprocessors, tiles)))], threads: (Self.warps + 1) * 32,
      sharedBytes: sharedBytes(problem), tensorMaps: [map],
      choice: "rule: a block a multiprocessor, \(stages) stages")
  }
}
