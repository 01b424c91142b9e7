import NeedletailGraph

extension Pass {
  /// The write of a layer's keys and values and attention over its cache become one operation, whose launches divide
  /// the work between them as the device does it best.
  public static let fuseCachedAttention = Pass("fuseCachedAttention") { graph, context throws(GraphError) in
    guard context.fusions.contains(.cachedAttention) else { return }
    let flow = Dataflow(graph)
    for (index, node) in flow.nodes.enumerated() {
      guard case .pagedAttention(let attention, _, _) = node.op, flow.isUsedOnce(node.inputs[0]),
        flow.isUsedOnce(node.inputs[1])
      else { continue }
      let writer = flow.node(defining: node.inputs[0])
      guard case .ropeCacheWrite(let write) = writer.op, writer.results[1] == node.inputs[1] else { continue }
      graph.nodes[index] = Graph.Node(
        .cachedAttention(write, attention), writer.inputs + node.inputs.dropFirst(2), node.results, scope: node.scope)
    }
  }
}
