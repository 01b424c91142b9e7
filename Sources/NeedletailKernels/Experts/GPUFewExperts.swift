import NeedletailGraph

/// How the experts' products of few tokens are specialized: see `cuda/experts/few_experts.cu`. A token's bits are the same in
/// every configuration.
public struct GPUFewExperts: Hashable, Sendable {
  /// Pairs of an expert that meet a tile of its weight at once: 8 or 16.
  public var rows: Int
  /// Tiles of 16 rows of the weight that a block works on at a time.
  public var tiles: Int
  /// Stages of the ring.
  public var stages: Int

  /// The most pairs of a token and an expert, and experts.
  static let mostPairs = 1024, mostExperts = 512
  /// The fewest stages that keep the memory busy.
  private static let leastStages = 2

  /// Pairs that the lists of work have room for.
  static func listedPairs(_ pairs: Int) -> Int { pairs <= 512 ? 512 : mostPairs }

  /// Bytes of shared memory of a block.
  func sharedBytes(pairs: Int) -> Int {
    let units = tiles * rows / 8 < 2 ? 1 : 2
    let stageBytes = GPUProduct.warps * (tiles * 1024 + rows / 8 * 512)
    let listBytes = 5192 + 6 * Self.listedPairs(pairs)  // `nt_few_lists`
    return stages * stageBytes + 2 * units * GPUProduct.warps * 640 + 64 + listBytes
  }

  /// As many stages as fit, up to 8.
  init?(rows: Int, tiles: Int, pairs: Int, on gpu: GPUTraits) {
    self.rows = rows
    self.tiles = tiles
    stages = 8
    while stages > 0, sharedBytes(pairs: pairs) > gpu.sharedBytesPerBlock { stages -= 1 }
    guard stages >= Self.leastStages else { return nil }
  }

  /// The configuration for a product; nil where none fits. From measurements of Mixtral 8x7B, Qwen3-30B-A3B and gpt-oss-20b
  /// on an H200, steps of 1 to 64 tokens.
  static func choose(_ problem: ExpertsProblem, _ part: ExpertsProblem.Part, on gpu: GPUTraits) -> GPUFewExperts? {
    // An expert of more pairs than meet a tile at once goes over it again; its weight is in the cache then.
    let isOfFew = problem.maximumRows <= 8 || problem.maximumPairs <= 4 * problem.experts
    return (isOfFew ? [8] : [16, 8]).lazy.compactMap { rows in
      // A block meets at the end of its tiles. It does so often where sums are short: more tiles at a time.
      let tiles =
        switch (part, problem.k(part)) {
        case (.down, ...1024): rows == 8 ? 4 : 2
        case (.down, 4097...): rows == 8 ? 1 : 2
        default: 2
        }
      return [tiles, 2, 1].lazy.filter { $0 <= tiles }
        .compactMap { GPUFewExperts(rows: rows, tiles: $0, pairs: problem.maximumPairs, on: gpu) }.first
    }.first
  }
}

extension ExpertsProblem {
  /// The most tokens of a step in which a token's bits do not depend on how many others there are.
  static let mostSlicedRows = 64

  /// Whether sums are taken in slices of k: in steps of up to 64 tokens of all shapes that `few_experts` takes, so that a token's
  /// bits do not depend on how many others there are. Other shapes have the sums of larger steps in all.
  func isSliced(on gpu: GPUTraits) -> Bool {
    var most = self
    most.maximumRows = Self.mostSlicedRows
    guard x == weight, weight.byteCount == 2, !isDeterministic, maximumRows <= Self.mostSlicedRows,
      most.maximumPairs <= GPUFewExperts.mostPairs, experts <= GPUFewExperts.mostExperts
    else { return false }
    return [self, most].allSatisfy { problem in
      [Part.gateUp, .down].allSatisfy { GPUFewExperts.choose(problem, $0, on: gpu) != nil }
    }
  }

  /// Whether both products are those for few tokens: where sums are taken in slices, unless sorted rows are the faster ones. On
  /// Hopper these are so for experts of more than 8 pairs, unless few blocks would have long sums (measured on an H200).
  func takesFewKernels(on gpu: GPUTraits) -> Bool {
    guard isSliced(on: gpu) else { return false }
    guard gpu.isHopper, hasWholeParts, maximumRows > 8, maximumPairs > 8 * experts else { return true }
    let rowTiles = (maximumPairs + HopperExperts.slicedRows - 1) / HopperExperts.slicedRows
    let columns = (width + HopperExperts.weightRows - 1) / HopperExperts.weightRows
    return inner > 4096 && max(rowTiles, experts) * columns * 5 < gpu.multiprocessors
  }

  /// The launch of a product for few tokens, which reads the weights of chosen experts at the rate of the memory; nil where
  /// it does not apply: types that are not 16 bits wide, more than 64 tokens, 512 experts, 16 of a token.
  public func fewLaunch(
    _ part: Part, on gpu: GPUTraits, x: BufferReference, weight: BufferReference, out: DType
  ) -> GPULaunch? {
    guard takesFewKernels(on: gpu), let few = GPUFewExperts.choose(self, part, on: gpu) else { return nil }
    let k = k(part)
    let isAligned = k % 8 == 0 && [x, weight].allSatisfy { $0.offset % 16 == 0 }
    let function = function(
      "few_experts", part,
      [
        ("NT_WEIGHT", Int(self.weight.rawValue)), ("NT_OUT", Int(out.rawValue)), ("NT_ROWS", few.rows),
        ("NT_GATED", part == .gateUp ? 1 : 0),
        ("NT_ACTIVATION", Int((part == .gateUp ? activation : .identity).rawValue)),
        ("NT_COLUMNS", isAligned ? (k % GPUProduct.chunkColumns == 0 ? 32 : 8) : 1), ("NT_TILES", few.tiles),
        ("NT_STAGES", few.stages), ("NT_GATHERS", part == .gateUp ? 1 : 0),
        ("NT_PAIRS", GPUFewExperts.listedPairs(maximumPairs)),
      ])
    let tileRows = (part == .gateUp ? 8 : 16) * few.tiles
    let tiles = (resultWidth(part) + tileRows - 1) / tileRows
    return GPULaunch(
      function, grid: [GridExtent(pairs, per: 1, times: tiles, limit: gpu.multiprocessors)],
      threads: GPUProduct.warps * 32, sharedBytes: few.sharedBytes(pairs: maximumPairs),
      choice: "rule: a block a multiprocessor, \(few.stages) stages of \(few.tiles) tiles, \(few.rows) pairs")
  }
}
