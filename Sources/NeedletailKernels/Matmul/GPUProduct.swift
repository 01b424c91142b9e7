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

  /// Rows that the machine code has room for: 8, 16, 32 or 64.
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

  /// Blocks that work at once: one a multiprocessor, or one for each group of tiles where there are fewer.
  func blocks(width: Int, isGated: Bool, gpu: GPUTraits) -> Int {
    let rows = (isGated ? 8 : 16) * tiles
    return max(1, min(gpu.multiprocessors, (width + rows - 1) / rows))
  }
}

extension GPUProduct {
  /// The configuration for a problem; nil where the kernel does not apply.
  static func choose(_ problem: ProductProblem, on gpu: GPUTraits) -> GPUProduct? {
    guard problem.maximumRows <= 64, problem.weight == .bfloat16 || problem.weight == .float16 else { return nil }
    return candidates(problem).lazy.compactMap { candidate in
      // As many stages as there is room for: what is in flight is what keeps the memory busy.
      var product = candidate.product
      let stages = (candidate.stages...10).last { stages in
        product.stages = stages
        return product.sharedBytes(k: problem.k, hasNorm: problem.norm != nil) <= gpu.sharedBytesPerBlock
      }
      product.stages = stages ?? 0
      return stages == nil ? nil : product
    }.first
  }

  /// Configurations in the order they are tried in, with the fewest stages that each is taken with.
  private static func candidates(_ problem: ProductProblem) -> [(product: GPUProduct, stages: Int)] {
    let most = problem.maximumRows
    let kept = GPUProduct(rows: 8, tiles: 1, stages: 0, activations: .kept, keptRows: most)
    // A norm and a conversion happen on the way to shared memory.
    if problem.norm != nil || problem.x != problem.weight { return most <= 8 ? [(kept, 3)] : [] }
    func passing(_ rows: Int, tiles: Int, _ activations: Activations) -> GPUProduct {
      GPUProduct(rows: rows, tiles: tiles, stages: 0, activations: activations, keptRows: rows)
    }
    switch most {
    case ...8:
      return [(kept, 6), (passing(8, tiles: 2, .streamed), 4), (kept, 3), (passing(8, tiles: 1, .streamed), 2)]
    case ...16: return [(passing(16, tiles: 2, .streamed), 3), (passing(16, tiles: 1, .streamed), 2)]
    case ...32: return [(passing(32, tiles: 1, .streamed), 3), (passing(32, tiles: 1, .direct), 2)]
    default: return [(passing(64, tiles: 1, .direct), 2)]
    }
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
    guard let product = GPUProduct.choose(self, on: gpu) else { return nil }
    let isAligned = [k, xStride ?? k].allSatisfy { $0 % 8 == 0 } && [weight, x].allSatisfy { $0.offset % 16 == 0 }
    let function = GPUFunction(
      "product/product.cu", entry: "nt_product",
      [
        "NT_WEIGHT": Int(self.weight.rawValue), "NT_X": Int(self.x.rawValue), "NT_OUT": Int(out.rawValue),
        "NT_ROWS": product.rows, "NT_NORM": norm == nil ? 0 : norm == .rms ? 1 : 2, "NT_GATED": gate == nil ? 0 : 1,
        "NT_ACTIVATION": Int((gate ?? .identity).rawValue), "NT_BIAS": hasBias ? 1 : 0,
        "NT_RESIDUAL": hasResidual ? 1 : 0, "NT_GATHER": gathersRows ? 1 : 0,
        "NT_COLUMNS": isAligned ? (k % GPUProduct.chunkColumns == 0 ? 32 : 8) : 1, "NT_TILES": product.tiles,
        "NT_STAGES": product.stages, "NT_X_WAY": product.activations.rawValue, "NT_X_ROWS": product.keptRows,
      ])
    let blocks = product.blocks(width: width, isGated: gate != nil, gpu: gpu)
    return GPULaunch(
      function, grid: [GridExtent(blocks)], threads: GPUProduct.warps * 32,
      sharedBytes: product.sharedBytes(k: k, hasNorm: norm != nil),
      choice: "rule: a block a multiprocessor, \(product.stages) stages, activations \(product.activations)")
  }
}

extension Int {
  /// The next multiple, or the number itself.
  fileprivate func rounded(to multiple: Int) -> Int { (self + multiple - 1) / multiple * multiple }
}
