import NeedletailGraph

/// Decode attention on a GPU: which kernel, how a sequence is split, how deep its ring of tiles is. See
/// `paged_attention.h` and `cuda/attention/decode_attention.cu`.
struct GPUDecodeAttention {
  /// Positions of a tile, which is also a block of the cache.
  static let tile = 64
  /// A part of a sequence has at least so many tiles, if the sequence has.
  static let tilesOfPart = 4

  /// Positions that one copy brings of a tile that is seen whole; of others a copy brings 16.
  static let wholeRows = 64

  /// What is computed.
  let problem: AttentionProblem
  /// Where.
  let gpu: GPUTraits

  /// Query heads of a kv head.
  var group: Int { problem.heads / problem.kvHeads }
  /// Packs of up to 16 query heads of one kv head.
  var packs: Int { problem.kvHeads * ((group + 15) / 16) }
  /// Query heads of a pack.
  var rows: Int { min(group, 16) }

  /// Whether the tensor cores' kernel takes it: caches of 16 or 8 bits and heads of whole 16-byte parts.
  var usesTensorCores: Bool {
    let part = problem.cache.byteCount == 2 ? 8 : 16
    return (problem.cache.byteCount == 2 || problem.isCacheCoded) && problem.headDim % part == 0
      && problem.valueDim % part == 0
  }

  /// The most parts of a sequence: as many as give each multiprocessor one item of a single sequence, and never
  /// more than the longest sequence (or window, or chunk) has work for.
  var splits: Int {
    let seen = [problem.window, problem.chunk].compactMap { $0 }.min()
    let length = min(problem.limits.sequenceLength, seen.map { $0 + Self.tile } ?? .max)
    let tiles = (length + Self.tile - 1) / Self.tile
    return max(1, min(max(8, gpu.multiprocessors / packs), (tiles + Self.tilesOfPart - 1) / Self.tilesOfPart))
  }

  /// Blocks that share a multiprocessor, so that one computes while the other begins or ends an item: two, where
  /// registers and shared memory suffice for them.
  var blocksPerMultiprocessor: Int {
    guard usesTensorCores else { return 2 }
    let isSmall = problem.headDim <= 128 && problem.valueDim <= 128 && rows <= 8
    return isSmall && ringBytes(stages: 2) <= (gpu.sharedBytesPerBlock + 1024) / 2 - 1024 ? 2 : 1
  }

  /// Stages of the ring: what shared memory has room for, at most 8.
  var stages: Int {
    let blocks = blocksPerMultiprocessor
    let limit = (gpu.sharedBytesPerBlock + 1024) / blocks - 1024
    return (1...8).last { ringBytes(stages: $0) <= limit } ?? 1
  }

  /// Bytes of shared memory of a block of the tensor cores' kernel (`nt_decode_memory`).
  func ringBytes(stages: Int) -> Int {
    let size = problem.cache.byteCount
    let ring =
      stages * ((problem.headDim * size).rounded(to: 128) + (problem.valueDim * size).rounded(to: 128)) * Self.tile
    let query = (problem.headDim.rounded(to: 16) + 8) * 2
    let newToken = (problem.headDim * size).rounded(to: 16) + (problem.valueDim * size).rounded(to: 16)
    let items = rows > 8 ? 2 : 3
    let barriers = 3 * (stages + items) * 8
    let scales = problem.cache == .int8 ? stages * problem.scaleBytes : 16
    let work = items * (rows * query + newToken + 64) + query + scales
    return (ring + mergeBytes + work + barriers + listBytes).rounded(to: 1024)
  }
  /// The same of the plain kernel (`nt_plain_memory`).
  var plainBytes: Int {
    let size = problem.cache.byteCount
    let heads = (16 * problem.headDim * size).rounded(to: 16) + (problem.headDim * size).rounded(to: 16)
    let value = (problem.valueDim * size).rounded(to: 16)
    return mergeBytes + heads + value + 4 * rows * 16 * 4 + (4 * listBytes).rounded(to: 16)
  }
  private var mergeBytes: Int {
    (4 * rows * (problem.valueDim.rounded(to: 16) + 4) * 4 + 4 * 16 * 8 + 4).rounded(to: 16)
  }
  private var listBytes: Int { (problem.limits.sequences + 31) / 32 * 4 }

  /// Floats of workspace: of each part of each sequence's packs a maximum, a sum and a row of values per head.
  var partialsElements: Int {
    let states = problem.limits.sequences * packs * splits * rows
    return (states + 1) / 2 * 4 + states * problem.valueDim
  }

  func launch(cache: BufferReference) -> GPULaunch {
    let isTensor = usesTensorCores
    var function = GPUFunction(
      isTensor ? "attention/decode_attention.cu" : "attention/decode_attention_plain.cu", entry: "decode_attention",
      [
        "NT_KV_HEADS": problem.kvHeads, "NT_GROUP": group, "NT_HEAD_DIM": problem.headDim,
        "NT_VALUE_DIM": problem.valueDim, "NT_ROTARY_DIM": problem.rotaryDim,
        "NT_INTERLEAVED": problem.isInterleaved ? 1 : 0, "NT_INPUT": Int(problem.input.rawValue),
        "NT_CACHE": Int(problem.cache.rawValue), "NT_OUT": Int(problem.out.rawValue),
        "NT_SOFTCAP": problem.hasSoftcap ? 1 : 0, "NT_SLOPES": problem.hasSlopes ? 1 : 0, "NT_SPLITS": splits,
        "NT_SPLIT_TILES": Self.tilesOfPart, "NT_SEQUENCES": problem.limits.sequences,
      ])
    if problem.chunk != nil { function.defines.append(.init(name: "NT_CHUNKED", value: 1)) }
    if isTensor {
      function.defines.append(.init(name: "NT_STAGES", value: stages))
      function.defines.append(.init(name: "NT_BLOCKS", value: blocksPerMultiprocessor))
      function.defines.append(.init(name: "NT_WHOLE", value: Self.wholeRows))
    }
    function.defines.sort { $0.name < $1.name }
    let blocks = gpu.multiprocessors * blocksPerMultiprocessor
    return GPULaunch(
      function, grid: [GridExtent(.decodes, times: packs * splits, limit: blocks)], threads: isTensor ? 192 : 128,
      sharedBytes: isTensor ? ringBytes(stages: stages) : plainBytes,
      tensorMaps: isTensor && gpu.hasBulkCopies ? tensorMaps(cache: cache) : [], condition: .decodes,
      choice: "rule: at most \(splits) parts a sequence of \(Self.tilesOfPart) tiles or more")
  }

  /// Keys and values of all blocks and kv heads, [blocks * kv heads][64][size], for copies of whole tiles, and then the
  /// same two for copies of parts.
  private func tensorMaps(cache: BufferReference) -> [TensorMapPlan] {
    let size = problem.cache.byteCount
    let rowBytes = (key: problem.headDim * size, value: problem.valueDim * size)
    let stride = Self.tile * (rowBytes.key + rowBytes.value) + problem.scaleBytes
    let tensors = [(cache, rowBytes.key), (cache + Self.tile * rowBytes.key, rowBytes.value)]
    // A copy brings 128 bytes of each row; fetching 256 around them costs 5 % of the bandwidth (measured on H200).
    return [Self.wholeRows, 16].flatMap { rows in
      tensors.map { base, bytes in
        TensorMapPlan(
          base, dtype: problem.cache, dimensions: [bytes / size, Self.tile, problem.kvHeads], strides: [bytes, stride],
          box: [128 / size, rows, 1], swizzle: 128, promotion: 128, isPerCacheBlock: true)
      }
    }
  }
}

extension Int {
  /// The next multiple, or the number itself.
  fileprivate func rounded(to multiple: Int) -> Int { (self + multiple - 1) / multiple * multiple }
}

extension AttentionProblem {
  /// Rotates, writes and attends for the sequences that decode, one token each (`decode_attention`).
  ///
  /// The cache has blocks of 64 tokens; `cache` is where the layer's starts. Rows of queries, keys and values start
  /// at multiples of 4 bytes.
  public func decodeLaunch(on gpu: GPUTraits, cache: BufferReference) -> GPULaunch {
    GPUDecodeAttention(problem: self, gpu: gpu).launch(cache: cache)
  }

  /// The floats that `nt_decode_attention_arguments.partials` has for a step of as many sequences as there may be.
  public func partialsElements(on gpu: GPUTraits) -> Int {
    GPUDecodeAttention(problem: self, gpu: gpu).partialsElements
  }
}
