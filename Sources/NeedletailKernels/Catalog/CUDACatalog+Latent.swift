import CNeedletailKernels
import NeedletailGraph

extension CUDACatalog {
  /// A product of each head with its own matrix.
  func headLinearLaunch(_ node: LoweredNode, isTransposed: Bool) throws(CatalogError) -> Launch {
    let (launch, problem) = try headLinear(node, isTransposed: isTransposed)
    return shaped(launch, problem.launch(maximumRows: problem.rows.value(in: node.maximum)))
  }

  /// Attention whose values are part of the keys: the write of the step's keys, attention of the sequences that decode,
  /// and that of the others. Queries are copied only where they are rotated or converted on the way.
  func latentAttention(
    _ node: LoweredNode, _ write: RopeCacheWrite, _ attention: Attention
  ) throws(CatalogError) -> [Launch] {
    guard let cache = node.cache, let operands = CachedAttentionOperands(node.inputs, shape: \.type.shape) else {
      throw CatalogError("attention without a cache, or without its operands")
    }
    guard cache.dtype != .float8e4m3, cache.dtype != .int8 else {
      throw CatalogError("latent attention on a GPU has a cache of 16 bits, not of \(cache.dtype.name)")
    }
    guard node.limits.blockSize == Self.cacheBlock else {
      throw CatalogError("attention on a GPU wants cache blocks of \(Self.cacheBlock) tokens")
    }
    let valueDim = node.results[0].type.width
    var problem = AttentionProblem(
      heads: write.heads, kvHeads: write.kvHeads, headDim: write.headDim, valueDim: valueDim, input: cache.dtype,
      cache: cache.dtype, out: node.results[0].type.dtype, limits: node.limits)
    problem.window = attention.window
    problem.chunk = attention.chunk(below: node.limits.sequenceLength)
    problem.hasSoftcap = attention.softcap != nil
    problem.hasSlopes = attention.alibiSlopes != nil
    problem.hasSinks = operands.sinks != nil
    problem.isDeterministic = isDeterministic
    guard let decode = problem.latentLaunch(decodes: true, on: gpu),
      let prefill = problem.latentLaunch(decodes: false, on: gpu)
    else {
      throw CatalogError(
        "latent attention on \(gpu.architecture) has no kernel for \(problem.description) with values of \(valueDim)")
    }
    var parts = ropeParts(node.inputs, write)
    guard var query = parts.q else { throw CatalogError("attention without queries") }
    var stride = parts.qStride
    if parts.table != nil || query.type.dtype != cache.dtype {
      let type = TensorType(cache.dtype, [.tokens, .fixed(write.heads), .fixed(write.headDim)])
      query = LoweredNode.Operand(type: type, reference: node.scratch(type, "rotated queries"))
      parts.qOut = query
      stride = write.heads * write.headDim
    } else {
      parts.q = nil
      parts.heads = 0
    }
    let call = LatentCall(
      node: node, cache: cache, problem: problem, attention: attention, layer: write.layer, query: query,
      stride: stride)
    return [
      try rotation(node, parts, .always),
      shaped(decode.function.entry == "latent_decode" ? self.decode(call) : self.prefill(call, decodes: true), decode),
      shaped(self.prefill(call), prefill),
    ]
  }

  /// Latent attention of one layer.
  private struct LatentCall {
    let node: LoweredNode
    let cache: CacheLayer
    let problem: AttentionProblem
    let attention: Attention
    let layer: Int
    let query: LoweredNode.Operand
    let stride: Int

    /// The attention of the sequences that decode, or of the others.
    func cost(_ sequences: GPULaunch.Condition) -> Cost {
      var cost = Cost()
      let row =
        problem.heads * (problem.headDim * problem.cache.byteCount + problem.valueDim * problem.out.byteCount)
      if sequences == .prefills { cost.activationBytes.add(.tokens, times: row) }
      cost.activationBytes.add(.decodes, times: sequences == .prefills ? -row : row)
      cost.attention = .init(
        operationsPerPair: 2 * problem.heads * (problem.headDim + problem.valueDim),
        bytesPerCachedToken: cache.bytesPerToken, sequences: sequences)
      return cost
    }
  }

  private func decode(_ call: LatentCall) -> Launch {
    let (node, problem) = (call.node, call.problem)
    var builder = ArgumentBuilder(nt_decode_attention_arguments())
    builder.bind(\.q, call.query.reference)
    builder.bind(\.cache, BufferReference(.cache(layer: call.layer)))
    builder.bind(\.context_lengths, BufferReference(.step(.contextLengths)))
    builder.bind(\.block_tables, BufferReference(.step(.blockTables)))
    builder.bind(\.out, node.results[0].reference)
    let partials = TensorType(.float32, [.fixed(max(1, problem.latentPartialsElements(on: gpu)))])
    builder.bind(\.partials, node.scratch(partials, "partial attention"))
    builder.bind(\.counters, BufferReference(.counters))
    builder.count(\.sequences, .decodes)
    builder.arguments.q_stride = Int64(call.stride)
    builder.arguments.out_stride = Int64(problem.heads * problem.valueDim)
    builder.arguments.block_table_stride = Int64(node.limits.blocksPerSequence)
    builder.arguments.heads = Int32(problem.heads)
    builder.arguments.kv_heads = 1
    builder.arguments.head_dim = Int32(problem.headDim)
    builder.arguments.value_dim = Int32(problem.valueDim)
    builder.arguments.scale = call.attention.scale
    return Launch(
      kernel: "latent_decode", scope: node.scope, problem: problem.description, arguments: builder.block,
      cost: call.cost(.decodes))
  }

  /// Attention of the sequences that do not decode, or by the same kernel of those that do.
  private func prefill(_ call: LatentCall, decodes: Bool = false) -> Launch {
    let (node, problem) = (call.node, call.problem)
    var builder = ArgumentBuilder(nt_prefill_attention_arguments())
    builder.bind(\.q, call.query.reference)
    builder.bind(\.cache, BufferReference(.cache(layer: call.layer)))
    builder.bind(\.query_starts, BufferReference(.step(.queryStarts)))
    builder.bind(\.context_lengths, BufferReference(.step(.contextLengths)))
    builder.bind(\.block_tables, BufferReference(.step(.blockTables)))
    builder.bind(\.out, node.results[0].reference)
    builder.bind(\.counters, BufferReference(.counters))
    builder.count(\.tokens, .tokens)
    builder.count(\.sequences, decodes ? .decodes : .sequences)
    builder.count(\.first_sequence, decodes ? .fixed(0) : .decodes)
    builder.arguments.q_stride = Int64(call.stride)
    builder.arguments.out_stride = Int64(problem.heads * problem.valueDim)
    builder.arguments.block_table_stride = Int64(node.limits.blocksPerSequence)
    builder.arguments.heads = Int32(problem.heads)
    builder.arguments.kv_heads = 1
    builder.arguments.head_dim = Int32(problem.headDim)
    builder.arguments.value_dim = Int32(problem.valueDim)
    builder.arguments.scale = call.attention.scale
    return Launch(
      kernel: decodes ? "latent_decode" : "latent_prefill", scope: node.scope, problem: problem.description,
      arguments: builder.block, cost: call.cost(decodes ? .decodes : .prefills))
  }
}
