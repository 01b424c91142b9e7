import NeedletailGraph

/// How the products of few rows with a coded weight are specialized: see `cuda/product/coded_product.cu`.
struct GPUCodedProduct: Hashable {
  /// Warps of a block, each with a slice of k.
  static let warps = 16

  /// Rows that the machine code has room for: 8 or 16.
  var rows: Int
  /// Tiles of 16 rows of the weight that a block works on at a time.
  var tiles = 1
  /// Stages of the ring.
  var stages: Int
  /// Whether the activations come piece by piece through the ring; else all of them are kept in shared memory.
  var streams: Bool
  /// Blocks of a multiprocessor, which have its shared memory and registers together.
  var blocks: Int

  /// Bytes of shared memory of a block (`layout.cuh`).
  func sharedBytes(_ problem: CodedProductProblem) -> Int {
    let (product, codes) = (problem.product, problem.tiles)
    let part = tiles * (1024 + 64 * codes.groupsOfChunk) + (streams ? rows * codes.chunkColumns * 2 : 0)
    let fixed = stages * Self.warps * part + 2 * min(2, tiles * rows / 8) * Self.warps * 640 + 64
    guard !streams else { return fixed }
    let pitch = (codes.chunks * codes.chunkColumns * 2 + 127) / 128 * 128 + 64
    return fixed + product.maximumRows * (pitch + (product.norm == nil ? 0 : (product.k + 255) / 256 * 4))
  }

  /// The configuration; nil where the kernel does not apply.
  static func choose(_ problem: CodedProductProblem, on gpu: GPUTraits) -> GPUCodedProduct? {
    let product = problem.product
    guard product.maximumRows <= 16 else { return nil }
    let mustKeep = product.norm != nil || product.x != product.weight
    guard !mustKeep || product.maximumRows <= 8 else { return nil }
    let rows = product.maximumRows <= 8 ? 8 : 16
    // For a single row two blocks, so that one decodes while the other waits; more rows cost each block more ahead of its
    // loop (measured on H200). Then as many stages as there is room for, since what is in flight keeps the memory busy, but
    // no more than a block has pieces for.
    let passes = (product.width + (product.gate == nil ? 15 : 7)) / (product.gate == nil ? 16 : 8)
    let slice = (problem.tiles.chunks + warps - 1) / warps
    for blocks in product.maximumRows == 1 ? [2, 1] : [1] {
      let room = min(gpu.sharedBytesPerBlock, (gpu.sharedBytesPerBlock + 1024) / blocks - 1024)
      let pieces = (passes + gpu.multiprocessors * blocks - 1) / (gpu.multiprocessors * blocks) * slice
      for streams in mustKeep || product.maximumRows == 1 ? [false] : [true, false] {
        let least = blocks > 1 ? 3 : 2
        let found = (least...max(least, min(10, pieces + 1))).last {
          GPUCodedProduct(rows: rows, stages: $0, streams: streams, blocks: blocks).sharedBytes(problem) <= room
        }
        if let found { return GPUCodedProduct(rows: rows, stages: found, streams: streams, blocks: blocks) }
      }
    }
    return nil
  }

  /// The launch.
  func launch(_ problem: CodedProductProblem, isAligned: Bool, on gpu: GPUTraits) -> GPULaunch {
    let product = problem.product
    var function = GPUFunction("product/coded_product.cu", entry: "nt_coded_product")
    function.defines =
      problem.defines(isAligned: isAligned)
      + [
        .init(name: "NT_NORM", value: product.norm == nil ? 0 : product.norm == .rms ? 1 : 2),
        .init(name: "NT_GATHER", value: product.gathersRows ? 1 : 0), .init(name: "NT_ROWS", value: rows),
        .init(name: "NT_TILES", value: tiles), .init(name: "NT_STAGES", value: stages),
        .init(name: "NT_X_WAY", value: streams ? 1 : 0),
        .init(name: "NT_X_ROWS", value: streams ? rows : product.maximumRows), .init(name: "NT_BLOCKS", value: blocks),
      ]
    function.defines.sort { $0.name < $1.name }
    let height = (product.gate == nil ? 16 : 8) * tiles
    let passes = max(1, (product.width + height - 1) / height)
    return GPULaunch(
      function, grid: [GridExtent(min(gpu.multiprocessors * blocks, passes))], threads: Self.warps * 32,
      sharedBytes: sharedBytes(problem),
      choice: "rule: \(blocks) blocks a multiprocessor, \(stages) stages, x \(streams ? "streamed" : "kept")")
  }
}
