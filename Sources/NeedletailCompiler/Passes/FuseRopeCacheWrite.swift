import NeedletailGraph

extension Pass {
  /// Attention becomes a write of keys and values to the layer's cache, and attention over the cache. The write rotates
  /// queries and keys where both are rotated by one table and nothing else reads them, and takes the merged product
  /// itself where queries, keys and values are neighbouring parts of it. Norms of queries and keys stay before it.
  public static let fuseRopeCacheWrite = Pass("fuseRopeCacheWrite") { graph, context throws(GraphError) in
    let flow = Dataflow(graph)
    var nodes: [Graph.Node] = []
    for node in graph.nodes {
      guard case .attention(let attention) = node.op else {
        nodes.append(node)
        continue
      }
      var source = CacheWriteSource(node, attention)
      if context.fusions.contains(.ropeCacheWrite) { source.takeRotation(flow) }
      let write = source.operation(layer: attention.layer, in: graph)
      let qkv = graph.operands(of: source, write, flow, context, scope: node.scope, in: &nodes)
      let query = graph.newValue(TensorType(context.precision.dtype, graph[node.inputs[0]].shape))
      let state = graph.newValue(.state)
      nodes.append(
        Graph.Node(.ropeCacheWrite(write), qkv + (source.table.map { [$0] } ?? []), [query, state], scope: node.scope))
      nodes.append(
        Graph.Node(
          .pagedAttention(attention, kvHeads: write.kvHeads, valueDim: graph[node.results[0]].width),
          [query, state] + node.inputs.dropFirst(source.parts.count), node.results, scope: node.scope))
    }
    graph.nodes = nodes
  }
}

/// What a layer's cache write reads.
private struct CacheWriteSource {
  /// Queries, keys, and values unless they are part of the keys: [tokens, heads, head size].
  var parts: [Graph.Value]
  var table: Graph.Value?
  var isInterleaved = false

  init(_ node: Graph.Node, _ attention: Attention) {
    parts = Array(node.inputs.prefix(attention.valuesFromKeys == nil ? 3 : 2))
  }

  /// Goes behind the rotations of queries and keys, if the write can do them.
  mutating func takeRotation(_ flow: Dataflow) {
    let query = flow.node(defining: parts[0])
    let key = flow.node(defining: parts[1])
    guard case .rope(let interleaved) = query.op, query.op == key.op, query.inputs[1] == key.inputs[1],
      flow.isUsedOnce(parts[0]), flow.isUsedOnce(parts[1])
    else { return }
    table = query.inputs[1]
    isInterleaved = interleaved
    parts.replaceSubrange(0..<2, with: [query.inputs[0], key.inputs[0]])
  }

  func operation(layer: Int, in graph: Graph) -> RopeCacheWrite {
    let shapes = parts.map { graph[$0].shape.map(\.count) }
    return RopeCacheWrite(
      layer: layer, heads: shapes[0][1], kvHeads: shapes[1][1], headDim: shapes[0][2],
      valueDim: shapes.count > 2 ? shapes[2][2] : 0, interleaved: isInterleaved)
  }
}

extension Graph {
  /// The merged product, or queries, keys and values in one storage type.
  fileprivate mutating func operands(
    of source: CacheWriteSource, _ write: RopeCacheWrite, _ flow: Dataflow, _ context: PassContext, scope: String,
    in nodes: inout [Node]
  ) -> [Value] {
    let slices = source.parts.map { part -> Dataflow.Columns? in
      let node = flow.node(defining: part)
      guard case .reshape = node.op, self[node.inputs[0]].shape.count == 2, self[node.inputs[0]].shape[0] == .tokens
      else {
        return nil
      }
      return flow.columns(node.inputs[0])
    }
    if context.fusions.contains(.ropeCacheWrite), let product = flow.adjacent(slices),
      self[product.base].shape.count == 2
    {
      return [value(of: product, scope: scope, in: &nodes)]
    }
    // Kernels read them in one type.
    let isUniform = source.parts.allSatisfy { self[$0].dtype == self[source.parts[0]].dtype }
    return source.parts.map { part in
      let stream = context.precision.stream
      if isUniform || self[part].dtype == stream { return part }
      let converted = newValue(TensorType(stream, self[part].shape))
      nodes.append(Node(.cast(stream), [part], [converted], scope: scope))
      return converted
    }
  }
}
