import NeedletailGraph

/// How the products of many rows with a coded weight are specialized on Hopper: see `cuda/matmul/sm90_coded_matmul.cu`.
struct GPUCodedMatmul: Hashable {
  /// Rows of x that a tile has.
  var rows: Int
  /// Stages of 64 columns of x.
  var activationStages: Int
  /// Stages of codes.
  static let stages = 4
  /// Tiles of x that are walked together.
  static let walk = 8

  /// Bytes of shared memory of a block (`sm90_coded_tile.cuh`).
  func sharedBytes(_ problem: CodedProductProblem) -> Int {
    let codes = 16 * (512 + 32 * problem.tiles.groupsOfChunk)
    let panels = 2 * 32 * ((problem.product.gate == nil ? 64 : 32) + 4) * 4
    return activationStages * (rows * 128 + 16) + Self.stages * (codes + 16) + panels
  }

  /// Tiles of the weight: 128 rows of it, gates and values together.
  static func columns(_ problem: CodedProductProblem) -> Int {
    let width = problem.product.gate == nil ? 128 : 64
    return (problem.product.width + width - 1) / width
  }

  init(_ problem: CodedProductProblem, on gpu: GPUTraits) {
    let columns = Self.columns(problem), maximum = problem.product.maximumRows
    // The time of a tile grows with its rows, and with what does not: the codes. All tiles take as many rounds of the
    // multiprocessors.
    func time(_ rows: Int) -> Int {
      let tiles = (maximum + rows - 1) / rows * columns
      return (tiles + gpu.multiprocessors - 1) / gpu.multiprocessors * (rows + 32)
    }
    rows = [256, 128, 64].min { time($0) < time($1) } ?? 256
    activationStages = 0
    var candidate = self
    activationStages =
      (2...8).last {
        candidate.activationStages = $0
        return candidate.sharedBytes(problem) <= gpu.sharedBytesPerBlock
      } ?? 2
  }

  /// The launch.
  func launch(
    _ problem: CodedProductProblem, x: BufferReference, xStride: Int?, weight: [TensorMapPlan], on gpu: GPUTraits
  ) -> GPULaunch {
    var function = GPUFunction("matmul/sm90_coded_matmul.cu", entry: "nt_coded_matmul")
    function.defines =
      problem.defines(isAligned: true)
      + [
        .init(name: "NT_TILE_ROWS", value: rows), .init(name: "NT_X_STAGES", value: activationStages),
        .init(name: "NT_STAGES", value: Self.stages), .init(name: "NT_WALK", value: Self.walk),
      ]
    function.defines.sort { $0.name < $1.name }
    return GPULaunch(
      function,
      grid: [GridExtent(problem.product.rows, per: rows, times: Self.columns(problem), limit: gpu.multiprocessors)],
      threads: 384, sharedBytes: sharedBytes(problem),
      tensorMaps: [problem.map(of: x, rows: rows, xStride: xStride)] + weight,
      choice: "rule: tiles of \(rows) rows of x and 128 of the weight")
  }
}
