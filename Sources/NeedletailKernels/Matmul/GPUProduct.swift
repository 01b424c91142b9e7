import NeedletailGraph

/// How the products of few rows are specialized: see `product.h` and `cuda/product/product.cu`.
///
/// The order of additions over k depends on k alone: a row's bits are the same in every configuration, whatever the
/// number of rows.
public struct GPUProduct: Hashable, Sendable, Codable {
  /// Where the activations come from (`NT_X_WAY`).
  public enum Activations: Int, Hashable, Sendable, Codable {
    /// All of them lie in shared memory.
    case kept = 0
    /// Piece by piece through the ring, beside the weight's.
    case streamed = 1
    /// From memory, where they are needed.
    case direct = 2
  }

  /// Warps of a block, each with a slice of k.
  static let warps = 16
  /// Columns of k that come at a time.
  static let chunkColumns = 32

  /// Rows that the machine code has room for: 8 or 16.
  public var rows: Int
  /// Tiles of 16 rows of the weight that a block works on at a time.
  public var tiles: Int
  /// Stages of the ring.
  public var stages: Int
  /// Where the activations come from.
  public var activations: Activations
  /// Rows that are kept in shared memory.
  public var keptRows: Int

  /// Bytes of a stage.
  var stageBytes: Int { Self.warps * (tiles * 1024 + (activations == .streamed ? rows / 8 * 512 : 0)) }

  /// Bytes of shared memory of a block (`nt_kept_at` in shape.cuh, and what is kept).
  func sharedBytes(k: Int, hasNorm: Bool) -> Int {
    let units = tiles * rows / 8 < 2 ? 1 : 2
    let fixed = stages * stageBytes + 2 * units * Self.warps * 640 + 64
    guard activations == .kept else { return fixed }
    return fixed + keptRows * ((k * 2).rounded(to: 128) + 64 + (hasNorm ? (k + 255) / 256 * 4 : 0))
  }

  /// The most chunks of k that a warp has of a tile.
  static func chunksOfSlice(_ k: Int) -> Int {
    let chunks = (k + chunkColumns - 1) / chunkColumns
    return (chunks + warps - 1) / warps
  }

  /// How often so many tiles at a time go over the weight.
  static func passes(width: Int, isGated: Bool, tiles: Int) -> Int {
    let rows = (isGated ? 8 : 16) * tiles
    return (width + rows - 1) / rows
  }

  /// Blocks that work at once: one a multiprocessor, or one for each group of tiles where there are fewer.
  func blocks(width: Int, isGated: Bool, gpu: GPUTraits) -> Int {
    max(1, min(gpu.multiprocessors, Self.passes(width: width, isGated: isGated, tiles: tiles)))
  }
}

extension GPUProduct {
  /// The configuration for up to 16 rows; nil where the kernel does not apply.
  static func choose(_ problem: ProductProblem, on gpu: GPUTraits) -> GPUProduct? {
    candidates(problem, on: gpu).lazy.compactMap { candidate in
      // As many stages as there is room for: what is in flight is what keeps the memory busy. No more than a block has
      // pieces for, though: what it leaves free is there for the kernel beside it in time.
      var product = candidate.product
      let passes = passes(width: problem.width, isGated: problem.gate != nil, tiles: product.tiles)
      let pieces = (passes + gpu.multiprocessors - 1) / gpu.multiprocessors * chunksOfSlice(problem.k)
      let most = max(candidate.stages, min(10, pieces + 1))
      let stages = (candidate.stages...most).last { stages in
        product.stages = stages
        return product.sharedBytes(k: problem.k, hasNorm: problem.norm != nil) <= gpu.sharedBytesPerBlock
      }
      product.stages = stages ?? 0
      return stages == nil ? nil : product
    }.first
  }

  /// Configurations in the order they are tried in, with the fewest stages that each is taken with.
  private static func candidates(
    _ problem: ProductProblem, on gpu: GPUTraits
  ) -> [(product: GPUProduct, stages: Int)] {
    let most = problem.maximumRows
    let kept = GPUProduct(rows: 8, tiles: 1, stages: 0, activations: .kept, keptRows: most)
    // A norm and a conversion happen on the way to shared memory.
    if problem.norm != nil || problem.x != problem.weight { return most <= 8 ? [(kept, 3)] : [] }
    let rows = most <= 8 ? 8 : 16
    func streamed(tiles: Int) -> GPUProduct {
      GPUProduct(rows: rows, tiles: tiles, stages: 0, activations: .streamed, keptRows: rows)
    }
    // Two tiles at a time halve the traffic of x, unless a multiprocessor gets more tiles that way.
    func tilesOfBlock(tiles: Int) -> Int {
      let passes = passes(width: problem.width, isGated: problem.gate != nil, tiles: tiles)
      return (passes + gpu.multiprocessors - 1) / gpu.multiprocessors * tiles
    }
    let first = tilesOfBlock(tiles: 2) <= tilesOfBlock(tiles: 1) ? 2 : 1
    let passing = [(streamed(tiles: first), 3), (streamed(tiles: 1), 2)]
    // A single row is brought whole at once; several are, where nothing else fits.
    return most == 1 ? [(kept, 3)] + passing : most <= 8 ? passing + [(kept, 2)] : passing
  }
}

extension ProductProblem {
  /// The kernel for up to 64 rows, which reads the weight at the rate of the memory; nil where it does not apply: weights
  /// that are not 16 bits wide, more rows, a norm or a conversion ahead of more than 8 rows or of rows that do not fit into
  /// shared memory.
  ///
  /// - Parameters:
  ///   - weight: Where the weight lies.
  ///   - x: Where the activations lie.
  ///   - xStride: Elements from row to row of x, where they are not k.
  public func skinnyLaunch(
    on gpu: GPUTraits, weight: BufferReference, x: BufferReference, xStride: Int? = nil
  ) -> GPULaunch? {
    guard maximumRows <= 64, self.weight == .bfloat16 || self.weight == .float16 else { return nil }
    let isAligned = [k, xStride ?? k].allSatisfy { $0 % 8 == 0 } && [weight, x].allSatisfy { $0.offset % 16 == 0 }
    if maximumRows > 16 {
      guard norm == nil, self.x == self.weight else { return nil }
      let defines = defines(isAligned: isAligned)
      if gpu.isHopper && isAligned {
        return GPUHopperWideProduct(self, on: gpu).launch(self, weight: weight, defines: defines, on: gpu)
      }
      return GPUWideProduct(self, on: gpu)?.launch(self, defines: defines, on: gpu)
    }
    guard let product = GPUProduct.choose(self, on: gpu) else { return nil }
    var function = GPUFunction("product/product.cu", entry: "nt_product")
    function.defines =
      defines(isAligned: isAligned)
      + [
        .init(name: "NT_ROWS", value: product.rows), .init(name: "NT_TILES", value: product.tiles),
        .init(name: "NT_STAGES", value: product.stages), .init(name: "NT_X_WAY", value: product.activations.rawValue),
        .init(name: "NT_X_ROWS", value: product.keptRows),
      ]
    function.defines.sort { $0.name < $1.name }
    let blocks = product.blocks(width: width, isGated: gate != nil, gpu: gpu)
    return GPULaunch(
      function, grid: [GridExtent(blocks)], threads: GPUProduct.warps * 32,
      sharedBytes: product.sharedBytes(k: k, hasNorm: norm != nil),
      choice: "rule: a block a multiprocessor, \(product.stages) stages, activations \(product.activations)")
  }

  /// What is computed, as both kernels are told of it.
  private func defines(isAligned: Bool) -> [GPUFunction.Define] {
    [
      .init(name: "NT_WEIGHT", value: Int(weight.rawValue)), .init(name: "NT_X", value: Int(x.rawValue)),
      .init(name: "NT_OUT", value: Int(out.rawValue)),
      .init(name: "NT_NORM", value: norm == nil ? 0 : norm == .rms ? 1 : 2),
      .init(name: "NT_GATED", value: gate == nil ? 0 : 1),
      .init(name: "NT_ACTIVATION", value: Int((gate ?? .identity).rawValue)),
      .init(name: "NT_BIAS", value: hasBias ? 1 : 0), .init(name: "NT_RESIDUAL", value: hasResidual ? 1 : 0),
      .init(name: "NT_GATHER", value: gathersRows ? 1 : 0),
      .init(name: "NT_COLUMNS", value: isAligned ? (k % GPUProduct.chunkColumns == 0 ? 32 : 8) : 1),
    ]
  }
}

extension Int {
  /// The next multiple, or the number itself.
  fileprivate func rounded(to multiple: Int) -> Int { (self + multiple - 1) / multiple * multiple }
}
