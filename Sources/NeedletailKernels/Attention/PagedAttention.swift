import CNeedletailKernels
import NeedletailGraph

extension CPUCatalog {
  /// (q [tokens, heads, d], sinks?) over the cache of a layer -> [tokens, heads, dv].
  func pagedAttention(
    _ node: LoweredNode, _ attention: Attention, q: LoweredNode.Operand, sinks: LoweredNode.Operand?
  ) throws(CatalogError) -> Launch {
    guard let cache = node.cache, let heads = q.type.shape[1].fixed, let out = node.results.first else {
      throw CatalogError("attention without a cache")
    }
    let valueDim = out.type.width
    var builder = ArgumentBuilder(nt_attention_arguments())
    builder.bind(\.q, q.reference)
    builder.bind(\.cache, BufferReference(.cache(layer: attention.layer)))
    builder.bind(\.alibi_slopes, attention.alibiSlopes.map(node.constant))
    builder.bind(\.sinks, sinks?.reference)
    builder.bind(\.query_starts, BufferReference(.step(.queryStarts)))
    builder.bind(\.context_lengths, BufferReference(.step(.contextLengths)))
    builder.bind(\.block_tables, BufferReference(.step(.blockTables)))
    builder.bind(\.out, out.reference)
    builder.count(\.tokens, .tokens)
    builder.count(\.sequences, .sequences)
    builder.arguments.q_stride = Int64(heads * cache.keyDim)
    builder.arguments.out_stride = Int64(heads * valueDim)
    builder.arguments.block_table_stride = Int64(node.limits.blocksPerSequence)
    builder.arguments.heads = Int32(heads)
    builder.arguments.kv_heads = Int32(cache.kvHeads)
    builder.arguments.head_dim = Int32(cache.keyDim)
    builder.arguments.value_dim = Int32(valueDim)
    builder.arguments.block_size = Int32(node.limits.blockSize)
    builder.arguments.window = Int32(clamping: attention.window ?? 0)
    builder.arguments.chunk = Int32(clamping: attention.chunk ?? 0)
    builder.arguments.scale = attention.scale
    builder.arguments.softcap = attention.softcap ?? 0
    builder.arguments.q_dtype = q.type.dtype.rawValue
    builder.arguments.cache_dtype = cache.dtype.rawValue
    builder.arguments.out_dtype = out.type.dtype.rawValue
    builder.arguments.key_scale = cache.scales.keys
    builder.arguments.value_scale = cache.scales.values
    builder.arguments.values_in_keys = cache.valueDim == 0 ? 1 : 0
    var cost = Cost()
    let row = heads * (cache.keyDim * q.type.dtype.byteCount + valueDim * out.type.dtype.byteCount)
    cost.activationBytes.add(.tokens, times: row)
    cost.attention = .init(
      operationsPerPair: 2 * heads * (cache.keyDim + valueDim), bytesPerCachedToken: cache.bytesPerToken,
      window: attention.window, chunk: attention.chunk)
    let window = attention.window.map { ", window \($0)" } ?? ""
    return Launch(
      kernel: "attention", scope: node.scope,
      problem: "\(heads) heads over \(cache.kvHeads) of \(cache.keyDim) \(cache.dtype.name)\(window)",
      arguments: builder.block, cost: cost)
  }

  /// (q, k, v, sinks?) -> [tokens, heads, dv]: writes keys and values to the cache, then attends.
  func attention(_ node: LoweredNode, _ attention: Attention) throws(CatalogError) -> [Launch] {
    guard let cache = node.cache else { throw CatalogError("attention without a cache") }
    var parts = RopeWrite()
    parts.k = node.inputs[1]
    if attention.valuesFromKeys == nil { parts.v = node.inputs[2] }
    parts.kvHeads = cache.kvHeads
    parts.headDim = cache.keyDim
    parts.valueDim = cache.valueDim
    parts.kStride = cache.kvHeads * cache.keyDim
    parts.vStride = cache.kvHeads * cache.valueDim
    parts.layer = attention.layer
    let sinks = node.inputs.dropFirst(attention.valuesFromKeys == nil ? 3 : 2).first
    return [
      try ropeWrite(node, parts), try pagedAttention(node, attention, q: node.inputs[0], sinks: sinks),
    ]
  }
}
