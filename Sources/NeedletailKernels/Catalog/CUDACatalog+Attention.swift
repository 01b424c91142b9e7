import CNeedletailKernels
import NeedletailGraph

extension CUDACatalog {
  /// Attention that writes its own keys and values. Sequences that decode are one launch, which rotates and writes too;
  /// the others two: the rotation and write of the step's tokens, and attention over the cache. Each runs in steps that
  /// have such sequences.
  func cachedAttention(
    _ node: LoweredNode, _ write: RopeCacheWrite, _ attention: Attention
  ) throws(CatalogError) -> [Launch] {
    guard let cache = node.cache, let operands = CachedAttentionOperands(node.inputs, shape: \.type.shape) else {
      throw CatalogError("attention without a cache, or without its operands")
    }
    guard max(write.headDim, write.valueDim) <= Self.largestHead else {
      throw CatalogError("attention on a GPU has heads of up to \(Self.largestHead), not \(write.headDim)")
    }
    guard node.limits.blockSize == Self.cacheBlock else {
      throw CatalogError("attention on a GPU wants cache blocks of \(Self.cacheBlock) tokens")
    }
    var parts = ropeParts(node.inputs, write)
    let isCoded = cache.dtype == .float8e4m3 || cache.dtype == .int8
    guard !isCoded || (write.headDim % 16 == 0 && write.valueDim % 16 == 0) else {
      throw CatalogError(
        "attention on a GPU over a cache in \(cache.dtype.name) has heads of multiples of 16, not \(write.headDim)")
    }
    let queryType = TensorType(isCoded ? .float16 : cache.dtype, [.tokens, .fixed(write.heads), .fixed(write.headDim)])
    let query = LoweredNode.Operand(type: queryType, reference: node.scratch(queryType, "rotated queries"))
    parts.qOut = query
    let call = AttentionCall(
      node: node, cache: cache, problem: problem(node, write, attention, operands), write: write, attention: attention)
    return [
      try rotation(node, parts, .prefills), decode(call, parts, sinks: operands.sinks),
      prefill(call, query: query, sinks: operands.sinks),
    ]
  }

  /// Tokens of a cache block: keys and values of a block and head are one tile.
  static let cacheBlock = 64
  /// The largest size of a head.
  static let largestHead = 256

  /// Attention of one layer.
  private struct AttentionCall {
    let node: LoweredNode
    let cache: CacheLayer
    let problem: AttentionProblem
    let write: RopeCacheWrite
    let attention: Attention

    var cacheReference: BufferReference { BufferReference(.cache(layer: write.layer)) }

    /// The attention of the sequences that decode, or of the others. Rows of `read` bytes are read for each token.
    func cost(_ sequences: GPULaunch.Condition, read: Int) -> Cost {
      var cost = Cost()
      let row = read + write.heads * write.valueDim * problem.out.byteCount
      if sequences == .prefills { cost.activationBytes.add(.tokens, times: row) }
      cost.activationBytes.add(.decodes, times: sequences == .prefills ? -row : row)
      cost.attention = .init(
        operationsPerPair: 2 * write.heads * (write.headDim + write.valueDim),
        bytesPerCachedToken: cache.bytesPerToken, window: attention.window, chunk: attention.chunk, sequences: sequences
      )
      return cost
    }
  }

  private func problem(
    _ node: LoweredNode, _ write: RopeCacheWrite, _ attention: Attention,
    _ operands: CachedAttentionOperands<LoweredNode.Operand>
  ) -> AttentionProblem {
    // The plan's limits, not the variant's: all variants share the machine code.
    var problem = AttentionProblem(
      heads: write.heads, kvHeads: write.kvHeads, headDim: write.headDim, valueDim: write.valueDim,
      input: operands.qkv.type.dtype, cache: node.cache?.dtype ?? .float32, out: node.results[0].type.dtype,
      limits: node.limits)
    problem.rotaryDim = operands.table?.type.width ?? 0
    problem.isInterleaved = write.interleaved
    problem.window = attention.window
    problem.chunk = attention.chunk(below: node.limits.sequenceLength)
    problem.hasSoftcap = attention.softcap != nil
    problem.hasSlopes = attention.alibiSlopes != nil
    problem.hasSinks = operands.sinks != nil
    problem.isDeterministic = isDeterministic
    return problem
  }

  private func decode(_ call: AttentionCall, _ parts: RopeWrite, sinks: LoweredNode.Operand?) -> Launch {
    let (node, write) = (call.node, call.write)
    var builder = ArgumentBuilder(nt_decode_attention_arguments())
    builder.bind(\.q, parts.q?.reference)
    builder.bind(\.k, parts.k?.reference)
    builder.bind(\.v, parts.v?.reference)
    builder.bind(\.table, parts.table?.reference)
    builder.bind(\.slots, BufferReference(.step(.slots)))
    builder.bind(\.cache, call.cacheReference)
    builder.bind(\.alibi_slopes, call.attention.alibiSlopes.map(node.constant))
    builder.bind(\.sinks, sinks?.reference)
    builder.bind(\.context_lengths, BufferReference(.step(.contextLengths)))
    builder.bind(\.block_tables, BufferReference(.step(.blockTables)))
    builder.bind(\.out, node.results[0].reference)
    let partials = TensorType(.float32, [.fixed(max(1, call.problem.partialsElements(on: gpu)))])
    builder.bind(\.partials, node.scratch(partials, "partial attention"))
    builder.bind(\.counters, BufferReference(.counters))
    builder.count(\.sequences, .decodes)
    builder.arguments.q_stride = Int64(parts.qStride)
    builder.arguments.k_stride = Int64(parts.kStride)
    builder.arguments.v_stride = Int64(parts.vStride)
    builder.arguments.out_stride = Int64(write.heads * write.valueDim)
    builder.arguments.block_table_stride = Int64(node.limits.blocksPerSequence)
    builder.arguments.heads = Int32(write.heads)
    builder.arguments.kv_heads = Int32(write.kvHeads)
    builder.arguments.head_dim = Int32(write.headDim)
    builder.arguments.value_dim = Int32(write.valueDim)
    builder.arguments.rotary_dim = Int32(call.problem.rotaryDim)
    builder.arguments.interleaved = write.interleaved ? 1 : 0
    builder.arguments.window = Int32(clamping: call.attention.window ?? 0)
    builder.arguments.chunk = Int32(clamping: call.problem.chunk ?? 0)
    builder.arguments.scale = call.attention.scale
    builder.arguments.softcap = call.attention.softcap ?? 0
    builder.arguments.key_scale = call.cache.scales.keys
    builder.arguments.value_scale = call.cache.scales.values
    let row = write.heads * write.headDim + write.kvHeads * (write.headDim + write.valueDim)
    return shaped(
      Launch(
        kernel: "decode_attention", scope: node.scope, problem: call.problem.description, arguments: builder.block,
        cost: call.cost(.decodes, read: row * call.problem.input.byteCount)),
      call.problem.decodeLaunch(on: gpu, cache: call.cacheReference))
  }

  private func prefill(_ call: AttentionCall, query: LoweredNode.Operand, sinks: LoweredNode.Operand?) -> Launch {
    let (node, write) = (call.node, call.write)
    var builder = ArgumentBuilder(nt_prefill_attention_arguments())
    builder.bind(\.q, query.reference)
    builder.bind(\.cache, call.cacheReference)
    builder.bind(\.alibi_slopes, call.attention.alibiSlopes.map(node.constant))
    builder.bind(\.sinks, sinks?.reference)
    builder.bind(\.query_starts, BufferReference(.step(.queryStarts)))
    builder.bind(\.context_lengths, BufferReference(.step(.contextLengths)))
    builder.bind(\.block_tables, BufferReference(.step(.blockTables)))
    builder.bind(\.out, node.results[0].reference)
    builder.bind(\.counters, BufferReference(.counters))
    builder.count(\.tokens, .tokens)
    builder.count(\.sequences, .sequences)
    builder.count(\.first_sequence, .decodes)
    builder.arguments.q_stride = Int64(write.heads * write.headDim)
    builder.arguments.out_stride = Int64(write.heads * write.valueDim)
    builder.arguments.block_table_stride = Int64(node.limits.blocksPerSequence)
    builder.arguments.heads = Int32(write.heads)
    builder.arguments.kv_heads = Int32(write.kvHeads)
    builder.arguments.head_dim = Int32(write.headDim)
    builder.arguments.value_dim = Int32(write.valueDim)
    builder.arguments.window = Int32(clamping: call.attention.window ?? 0)
    builder.arguments.chunk = Int32(clamping: call.problem.chunk ?? 0)
    builder.arguments.scale = call.attention.scale
    builder.arguments.softcap = call.attention.softcap ?? 0
    builder.arguments.key_scale = call.cache.scales.keys
    builder.arguments.value_scale = call.cache.scales.values
    return shaped(
      Launch(
        kernel: "prefill_attention", scope: node.scope, problem: call.problem.description, arguments: builder.block,
        cost: call.cost(.prefills, read: write.heads * write.headDim * call.problem.query.byteCount)),
      call.problem.prefillLaunch(on: gpu, q: query.reference, cache: call.cacheReference))
  }

  /// Rotates queries and keys, and writes keys and values where there are any.
  func rotation(
    _ node: LoweredNode, _ parts: RopeWrite, _ condition: GPULaunch.Condition
  ) throws(CatalogError) -> Launch {
    let launch = try ropeWrite(node, parts)
    guard let x = parts.q ?? parts.k else { throw CatalogError("nothing is rotated") }
    return shaped(
      launch,
      GPURope.cacheWrite(
        heads: parts.heads, kvHeads: parts.k == nil ? 0 : parts.kvHeads, headDim: parts.headDim,
        valueDim: parts.valueDim, rotaryDim: parts.table?.type.width ?? 0, isInterleaved: parts.interleaved,
        input: x.type.dtype, query: parts.qOut?.type.dtype ?? .float32, cache: node.cache?.dtype ?? .float32,
        tokens: x.type.shape[0], condition: condition))
  }
}

extension Attention {
  /// The length of chunks; nil where the longest sequence has only one.
  func chunk(below sequenceLength: Int) -> Int? { chunk.flatMap { $0 < sequenceLength ? $0 : nil } }
}
