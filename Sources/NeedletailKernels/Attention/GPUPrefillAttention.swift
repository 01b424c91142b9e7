import NeedletailGraph

/// Prefill attention on a GPU: which kernel, and its tiles. See `paged_attention.h` and `cuda/attention/prefill_tiles.cuh`.
struct GPUPrefillAttention {
  /// The kernels.
  enum Kernel: Hashable {
    /// Hopper's: the copy engine and wgmma.
    case wgmma(Shape)
    /// Any GPU's, on 16-bit operands: mma.
    case mma
    /// Any GPU's, in float32.
    case float32
  }

  /// The tiles of Hopper's kernel.
  struct Shape: Hashable {
    /// Warpgroups that attend, for 64 rows each.
    var warpgroups = 2
    /// Keys at a time.
    var keys = 128
    /// Steps of keys, and of values, that shared memory holds.
    var stages = 2
    /// Tiles whose queries shared memory holds.
    var queryTiles = 2

    /// Bytes of shared memory (`Shared` of `sm90_prefill_attention.cu`).
    func sharedBytes(headDim: Int) -> Int {
      let rowBytes = (headDim + 63) / 64 * 128
      let barriers = 512
      return (queryTiles * 64 * warpgroups + 2 * stages * keys) * rowBytes + barriers
    }
  }

  /// Tiles of Hopper's kernel for the head sizes it is made for, the fastest that were measured on an H200.
  static let shapes: [Int: Shape] = [
    64: Shape(warpgroups: 3, stages: 4),
    96: Shape(),
    128: Shape(),
    192: Shape(keys: 64),
    256: Shape(keys: 64, queryTiles: 1),
  ]

  /// What is computed.
  let problem: AttentionProblem
  /// Where.
  let gpu: GPUTraits

  /// Query heads of a kv head.
  var group: Int { problem.heads / problem.kvHeads }

  var kernel: Kernel {
    if problem.isCacheCoded { return .mma }
    guard problem.cache.byteCount == 2 else { return .float32 }
    guard gpu.isHopper, problem.headDim == problem.valueDim, let shape = Self.shapes[problem.headDim],
      shape.sharedBytes(headDim: problem.headDim) <= gpu.sharedBytesPerBlock
    else { return .mma }
    return .wgmma(shape)
  }

  func launch(cache: BufferReference) -> GPULaunch {
    let headDim = problem.headDim
    let valueDim = problem.valueDim
    switch kernel {
    case .wgmma(let shape):
      return GPULaunch(
        function(
          "sm90_prefill_attention",
          [
            "NT_WARPGROUPS": shape.warpgroups, "NT_STEP": shape.keys, "NT_STAGES": shape.stages,
            "NT_QUERY_TILES": shape.queryTiles,
          ]), grid: [GridExtent(gpu.multiprocessors)], threads: 128 * (1 + shape.warpgroups),
        sharedBytes: shape.sharedBytes(headDim: headDim), tensorMaps: [tensorMap(cache)], condition: .prefills,
        choice: "measured on H200: \(64 * shape.warpgroups) rows, \(shape.keys) keys at a time")
    case .mma:
      // Rows of a tile and of both halves of a block, padded to whole instructions and against bank conflicts.
      let pitches = 2 * ((headDim + 15) / 16 * 16 + 8) + (valueDim + 15) / 16 * 16 + 8
      return GPULaunch(
        function("prefill_attention", ["NT_VALUE_DIM": valueDim]), grid: [tiles(rows: 64)], threads: 128,
        sharedBytes: 64 * 2 * pitches, condition: .prefills, choice: "rule: \(reason), 64 rows by 64 keys")
    case .float32:
      return GPULaunch(
        function("prefill_attention_f32", ["NT_VALUE_DIM": valueDim]), grid: [tiles(rows: 8)], threads: 256,
        sharedBytes: 4 * (8 * headDim + 32 * (headDim + 1) + 32 * valueDim), condition: .prefills,
        choice: "rule: a float32 cache, 8 rows by 32 keys")
    }
  }

  /// Why Hopper's kernel does not do it.
  private var reason: String {
    if problem.isCacheCoded { return "a cache in \(problem.cache.name)" }
    if !gpu.isHopper { return "no wgmma on \(gpu.architecture)" }
    return problem.headDim == problem.valueDim
      ? "head size \(problem.headDim)" : "keys of \(problem.headDim), values of \(problem.valueDim)"
  }

  /// As many blocks as there may be tiles of so many rows: each sequence may end in the middle of one.
  private func tiles(rows: Int) -> GridExtent {
    GridExtent(.tokens, per: rows, times: problem.heads) + GridExtent(.sequences, times: problem.kvHeads)
  }

  private func function(_ name: String, _ defines: [String: Int]) -> GPUFunction {
    var function = GPUFunction("attention/\(name).cu", entry: name)
    var common = [
      "NT_IN": Int(problem.query.rawValue), "NT_OUT": Int(problem.out.rawValue), "NT_HEAD_DIM": problem.headDim,
      "NT_GROUP": group, "NT_WINDOWED": problem.window == nil ? 0 : 1, "NT_SOFTCAP": problem.hasSoftcap ? 1 : 0,
      "NT_SLOPES": problem.hasSlopes ? 1 : 0, "NT_SINKS": problem.hasSinks ? 1 : 0,
    ]
    if problem.isCacheCoded { common["NT_CACHE"] = Int(problem.cache.rawValue) }
    if problem.chunk != nil { common["NT_CHUNKED"] = 1 }
    function.defines = common.merging(defines) { $1 }.map { .init(name: $0.key, value: $0.value) }
    function.defines.sort { $0.name < $1.name }
    return function
  }

  /// The cache as rows of heads: [blocks * kv heads * (64 keys, 64 values)][head size], in boxes of 64 by 64.
  private func tensorMap(_ cache: BufferReference) -> TensorMapPlan {
    TensorMapPlan(
      cache, dtype: problem.cache, dimensions: [problem.headDim, problem.kvHeads * 128], strides: [problem.headDim * 2],
      box: [64, 64], swizzle: 128, isPerCacheBlock: true)
  }
}

extension AttentionProblem {
  /// Attends for the sequences that do not decode, whose keys and values are in the cache already.
  ///
  /// The cache has blocks of 64 tokens; `cache` is where the layer's starts. The queries `q` are rotated, of the
  /// cache's storage type, and their rows start at multiples of 16 bytes where the head size is a multiple of 8. Head
  /// sizes are at most 256.
  public func prefillLaunch(on gpu: GPUTraits, q: BufferReference, cache: BufferReference) -> GPULaunch {
    precondition(headDim <= 256 && valueDim <= 256, "head sizes \(headDim), \(valueDim)")
    precondition(heads % kvHeads == 0, "\(heads) heads over \(kvHeads)")
    return GPUPrefillAttention(problem: self, gpu: gpu).launch(cache: cache)
  }
}
