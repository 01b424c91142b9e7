import CNeedletailKernels
import NeedletailGraph

/// What is rotated and what is written: any of the three may be absent.
struct RopeWrite {
  var q, k, v: LoweredNode.Operand?
  var qStride = 0
  var kStride = 0
  var vStride = 0
  var table: LoweredNode.Operand?
  var qOut: LoweredNode.Operand?
  var layer: Int?
  var heads = 0
  var kvHeads = 0
  var headDim = 0
  var valueDim = 0
  var interleaved = false
}

extension KernelCatalog {
  func ropeTable(_ node: LoweredNode, _ spec: RopeSpec) -> Launch {
    var builder = ArgumentBuilder(nt_rope_table_arguments())
    builder.bind(\.positions, node.inputs[0].reference)
    builder.bind(\.inverse_frequencies, node.constant(spec.inverseFrequencies))
    builder.bind(\.out, node.results[0].reference)
    builder.count(\.tokens, node.inputs[0].type.shape[0])
    builder.arguments.half = Int32(spec.dimensions / 2)
    builder.arguments.scale = spec.attentionFactor
    var cost = Cost()
    cost.activationBytes.add(node.inputs[0].type.shape[0], times: 4 + 4 * spec.dimensions)
    return Launch(
      kernel: "rope_table", scope: node.scope, problem: "\(node.results[0].type)", arguments: builder.block,
      cost: cost)
  }

  /// (q, k, v, table?) or (qkv, table?) -> (q rotated, state).
  func ropeCacheWrite(_ node: LoweredNode, _ write: RopeCacheWrite) throws(CatalogError) -> Launch {
    var parts = ropeParts(node.inputs, write)
    parts.qOut = node.results[0]
    return try ropeWrite(node, parts)
  }

  /// Where queries, keys and values lie, as three operands or as parts of one, and the table that may follow them.
  func ropeParts(_ inputs: [LoweredNode.Operand], _ write: RopeCacheWrite) -> RopeWrite {
    var parts = RopeWrite()
    parts.layer = write.layer
    parts.heads = write.heads
    parts.kvHeads = write.kvHeads
    parts.headDim = write.headDim
    parts.valueDim = write.valueDim
    parts.interleaved = write.interleaved
    guard let operands = CachedAttentionOperands(inputs, shape: \.type.shape) else { return parts }
    parts.table = operands.table
    parts.q = operands.qkv
    let (q, k, v) = (write.heads * write.headDim, write.kvHeads * write.headDim, write.kvHeads * write.valueDim)
    if let kv = operands.kv {
      (parts.k, parts.v) = (kv.k, kv.v)
      (parts.qStride, parts.kStride, parts.vStride) = (q, k, v)
    } else {
      let merged = operands.qkv
      let size = merged.type.dtype.byteCount
      parts.k = LoweredNode.Operand(type: merged.type, reference: merged.reference + q * size)
      if v > 0 { parts.v = LoweredNode.Operand(type: merged.type, reference: merged.reference + (q + k) * size) }
      (parts.qStride, parts.kStride, parts.vStride) = (q + k + v, q + k + v, q + k + v)
    }
    return parts
  }

  func ropeWrite(_ node: LoweredNode, _ parts: RopeWrite) throws(CatalogError) -> Launch {
    guard let x = parts.q ?? parts.k else { throw CatalogError("rope_cache_write has nothing to do") }
    for other in [parts.k, parts.v].compactMap({ $0 }) where other.type.dtype != x.type.dtype {
      throw CatalogError("rope_cache_write wants queries, keys and values of one storage type")
    }
    let tokens = x.type.shape[0]
    var builder = ArgumentBuilder(nt_rope_cache_write_arguments())
    builder.bind(\.q, parts.q?.reference)
    builder.bind(\.k, parts.k?.reference)
    builder.bind(\.v, parts.v?.reference)
    builder.bind(\.table, parts.table?.reference)
    builder.bind(\.q_out, parts.qOut?.reference)
    if let layer = parts.layer {
      builder.bind(\.slots, BufferReference(.step(.slots)))
      builder.bind(\.cache, BufferReference(.cache(layer: layer)))
    }
    builder.count(\.tokens, tokens)
    builder.arguments.q_stride = Int64(parts.qStride)
    builder.arguments.k_stride = Int64(parts.kStride)
    builder.arguments.v_stride = Int64(parts.vStride)
    builder.arguments.q_out_stride = Int64(parts.heads * parts.headDim)
    builder.arguments.heads = Int32(parts.heads)
    builder.arguments.kv_heads = Int32(parts.kvHeads)
    builder.arguments.head_dim = Int32(parts.headDim)
    builder.arguments.value_dim = Int32(parts.valueDim)
    builder.arguments.rotary_dim = Int32(parts.table?.type.width ?? 0)
    builder.arguments.interleaved = parts.interleaved ? 1 : 0
    builder.arguments.block_size = Int32(node.limits.blockSize)
    builder.arguments.x_dtype = x.type.dtype.rawValue
    builder.arguments.q_out_dtype = (parts.qOut?.type.dtype ?? .float32).rawValue
    let cacheType = node.cache?.dtype ?? .float32
    builder.arguments.cache_dtype = cacheType.rawValue
    builder.arguments.key_scale = node.cache?.scales.keys ?? 1
    builder.arguments.value_scale = node.cache?.scales.values ?? 1
    let (q, k, v) = (
      parts.q == nil ? 0 : parts.heads * parts.headDim, parts.k == nil ? 0 : parts.kvHeads * parts.headDim,
      parts.v == nil ? 0 : parts.kvHeads * parts.valueDim
    )
    var cost = Cost()
    cost.activationBytes.add(
      tokens,
      times: (q + k + v) * x.type.dtype.byteCount + q * (parts.qOut?.type.dtype.byteCount ?? 0)
        + (k + v) * cacheType.byteCount)
    cost.operations.add(tokens, times: parts.table == nil ? 0 : 3 * (q + k))
    return Launch(
      kernel: "rope_cache_write", scope: node.scope,
      problem: "\(parts.heads) + \(parts.kvHeads) heads of \(parts.headDim) \(x.type.dtype.name) -> \(cacheType.name)",
      arguments: builder.block, cost: cost)
  }

  /// (x [tokens, heads, head size], table) -> x rotated, without a cache.
  func rope(_ node: LoweredNode, interleaved: Bool) throws(CatalogError) -> Launch {
    try ropeWrite(node, ropeParts(node, interleaved: interleaved))
  }

  /// Where what `rope` rotates lies.
  func ropeParts(_ node: LoweredNode, interleaved: Bool) throws(CatalogError) -> RopeWrite {
    var parts = RopeWrite()
    guard let heads = node.inputs[0].type.shape[1].fixed else { throw CatalogError("rope wants a number of heads") }
    parts.q = node.inputs[0]
    parts.heads = heads
    parts.headDim = node.inputs[0].type.width
    parts.valueDim = parts.headDim
    parts.kvHeads = 1
    parts.qStride = parts.heads * parts.headDim
    parts.table = node.inputs[1]
    parts.qOut = node.results[0]
    parts.interleaved = interleaved
    return parts
  }
}
