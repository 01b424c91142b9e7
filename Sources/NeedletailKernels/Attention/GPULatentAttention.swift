import NeedletailGraph

/// Latent attention on a GPU, whose values are part of the keys: which kernel, and how many rows a block has. See
/// `cuda/attention/latent_rows.cuh`.
struct GPULatentAttention {
  /// The kernels.
  enum Kernel: Hashable {
    /// mma on 16-bit caches: rows of a block, and tiles of positions that it holds.
    case mma(rows: Int, stages: Int)
    /// Any type and size, computed in float32 without matrix instructions.
    case plain
  }

  /// What is computed.
  let problem: AttentionProblem
  /// Where.
  let gpu: GPUTraits

  /// Positions of a tile, which is also a block of the cache.
  static let tile = 64
  /// A part of a sequence has at least so many tiles, if the sequence has. Shorter parts end a single sequence sooner,
  /// and take longer together, because each part's results are stored and read again: one sequence of 4,096 tokens takes
  /// 19 µs with 4 and 29 with 8, 16 of them 57 and 34 (H200, 16 heads).
  var tilesOfPart: Int { problem.limits.sequences <= 4 ? 4 : 8 }
  /// Results of parts take no more memory than this.
  static let partialBytes = 512 << 20

  /// The kernel for blocks of up to so many rows; nil: there is none.
  func kernel(rows most: Int) -> Kernel? {
    let isPlain =
      problem.window == nil && problem.chunk == nil && !problem.hasSoftcap && !problem.hasSlopes && !problem.hasSinks
    guard isPlain, problem.kvHeads == 1, problem.valueDim <= problem.headDim else { return nil }
    let plain: Kernel? = plainBytes <= gpu.sharedBytesPerBlock ? .plain : nil
    guard problem.cache.byteCount == 2, problem.headDim % 8 == 0, problem.valueDim % 8 == 0, problem.valueDim <= 512
    else { return plain }
    // What decode attention keeps of the list of its items.
    let beside = (problem.limits.sequences + 31) / 32 * 4 + 16
    for rows in [64, 32, 16] where rows <= most {
      for stages in [2, 1] where bytes(rows: rows, stages: stages) + beside <= gpu.sharedBytesPerBlock {
        return .mma(rows: rows, stages: stages)
      }
    }
    return plain
  }

  /// Bytes of shared memory of a block (`nt_latent_memory`).
  func bytes(rows: Int, stages: Int) -> Int {
    let reach = max((problem.headDim + 31) / 32 * 4, (problem.valueDim + 63) / 64 * 8)
    let row = (reach + 7) / 8 * 8 * 16
    let bytes = (stages * Self.tile + rows) * row + rows * (Self.tile * 2 + 16) + 512 + rows * 4 + 4
    return (bytes + 127) / 128 * 128
  }

  private var plainBytes: Int { 4 * (8 * problem.headDim + 32 * (problem.headDim + 1) + 32 * problem.valueDim) }

  /// Rows of a block of decode attention: one token's heads.
  private var decodeRows: Int { problem.heads <= 16 ? 16 : problem.heads <= 32 ? 32 : 64 }
  private func packs(rows: Int) -> Int { (problem.heads + rows - 1) / rows }

  /// The most parts of a sequence, of blocks of so many rows: as many as give each multiprocessor one, no more than the
  /// longest sequence has work for, nor than there is memory for their results.
  func splits(rows: Int) -> Int {
    let tiles = (problem.limits.sequenceLength + Self.tile - 1) / Self.tile
    let memory = Self.partialBytes / (partialsElements(rows: rows, splits: 1) * 4)
    return max(
      1, min(gpu.multiprocessors / packs(rows: rows), (tiles + tilesOfPart - 1) / tilesOfPart, memory))
  }

  /// Floats of workspace: of each part of each sequence's packs a maximum, a sum and a row of values per head.
  func partialsElements(rows: Int, splits: Int) -> Int {
    let states = problem.limits.sequences * packs(rows: rows) * splits * min(problem.heads, rows)
    return (states + 1) / 2 * 4 + states * problem.valueDim
  }
  /// Floats of workspace of the decode launch.
  var partialsElements: Int {
    guard case .mma(let rows, _)? = kernel(rows: decodeRows) else { return 1 }
    return partialsElements(rows: rows, splits: splits(rows: rows))
  }

  /// Attends for the sequences that decode, whose latents are in the cache already; nil: no kernel does.
  var decodeLaunch: GPULaunch? {
    switch kernel(rows: decodeRows) {
    case nil: return nil
    case .plain?:
      return plain(decodes: true, grid: GridExtent(.decodes, times: (problem.heads + 7) / 8), .decodes)
    case .mma(let rows, let stages)?:
      let splits = splits(rows: rows)
      var function = function("latent_decode", rows: rows, stages: stages)
      function.defines += [
        .init(name: "NT_SPLITS", value: splits), .init(name: "NT_SPLIT_TILES", value: tilesOfPart),
        .init(name: "NT_SEQUENCES", value: problem.limits.sequences),
      ]
      function.defines.sort { $0.name < $1.name }
      return GPULaunch(
        function, grid: [GridExtent(.decodes, times: packs(rows: rows) * splits, limit: gpu.multiprocessors)],
        threads: 256, sharedBytes: bytes(rows: rows, stages: stages), condition: .decodes,
        choice: "rule: \(rows) heads a block, at most \(splits) parts a sequence of \(tilesOfPart) tiles or more")
    }
  }

  /// Attends for the sequences that do not decode; nil: no kernel does.
  var prefillLaunch: GPULaunch? {
    switch kernel(rows: 64) {
    case nil: return nil
    case .plain?:
      let grid = GridExtent(.tokens, per: 8, times: problem.heads) + GridExtent(.sequences)
      return plain(decodes: false, grid: grid, .prefills)
    case .mma(let rows, let stages)?:
      return GPULaunch(
        function("latent_prefill", rows: rows, stages: stages),
        grid: [GridExtent(.tokens, per: rows, times: problem.heads) + GridExtent(.sequences)], threads: 256,
        sharedBytes: bytes(rows: rows, stages: stages), condition: .prefills,
        choice: "rule: \(rows) rows by \(Self.tile) positions")
    }
  }

  private func function(_ name: String, rows: Int, stages: Int) -> GPUFunction {
    GPUFunction(
      "attention/\(name).cu", entry: name,
      [
        "NT_ROWS": rows, "NT_STAGES": stages, "NT_HEAD_DIM": problem.headDim, "NT_VALUE_DIM": problem.valueDim,
        "NT_CACHE": Int(problem.cache.rawValue), "NT_OUT": Int(problem.out.rawValue), "NT_GROUP": problem.heads,
      ])
  }

  private func plain(decodes: Bool, grid: GridExtent, _ condition: GPULaunch.Condition) -> GPULaunch {
    GPULaunch(
      GPUFunction(
        "attention/prefill_attention_f32.cu", entry: "prefill_attention_f32",
        [
          "NT_IN": Int(problem.cache.rawValue), "NT_OUT": Int(problem.out.rawValue), "NT_HEAD_DIM": problem.headDim,
          "NT_VALUE_DIM": problem.valueDim, "NT_GROUP": problem.heads, "NT_WINDOWED": 0, "NT_SOFTCAP": 0,
          "NT_SLOPES": 0, "NT_SINKS": 0, "NT_VALUES_IN_KEYS": 1, "NT_DECODES": decodes ? 1 : 0,
        ]), grid: [grid], threads: 256, sharedBytes: plainBytes, condition: condition,
      choice: "rule: \(problem.cache.name), \(problem.headDim) and \(problem.valueDim) wide, 8 rows by 32 keys")
  }
}

extension AttentionProblem {
  /// Attends over latents for the sequences that decode, `decodes`, or for the others, all of whose latents are in the
  /// cache; values are the first elements of keys. Nil: no kernel does. The arguments are those of decode attention for
  /// the kernel `latent_decode`, those of prefill attention for all others.
  public func latentLaunch(decodes: Bool, on gpu: GPUTraits) -> GPULaunch? {
    let kernels = GPULatentAttention(problem: self, gpu: gpu)
    return decodes ? kernels.decodeLaunch : kernels.prefillLaunch
  }

  /// The floats that `partials` has in `latentLaunch` of sequences that decode.
  public func latentPartialsElements(on gpu: GPUTraits) -> Int {
    GPULatentAttention(problem: self, gpu: gpu).partialsElements
  }
}
