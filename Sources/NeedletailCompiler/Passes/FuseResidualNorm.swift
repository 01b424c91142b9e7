import NeedletailGraph

extension Pass {
  /// A sum and the first norm of it become one operation with both results. Further norms of the same sum read the sum.
  public static let fuseResidualNorm = Pass("fuseResidualNorm") { graph, context throws(GraphError) in
    guard context.fusions.contains(.addNorm) else { return }
    let flow = Dataflow(graph)
    var removed: Set<Int> = []
    for (index, add) in flow.nodes.enumerated() where add.op == .binary(.add) {
      guard graph[add.inputs[0]].shape == graph[add.inputs[1]].shape,
        let next = flow.uses[add.results[0]]?.first(where: { flow.isNorm($0, of: add.results[0]) })
      else { continue }
      let follower = flow.nodes[next]
      guard case .norm(let norm) = follower.op else { continue }
      graph.nodes[index] = Graph.Node(
        .addNorm(norm), add.inputs + follower.inputs.dropFirst(), add.results + follower.results, scope: follower.scope)
      removed.insert(next)
    }
    graph.nodes = graph.nodes.enumerated().filter { !removed.contains($0.offset) }.map(\.element)
    // The norm's weight may be recorded after the sum.
    try graph.sortNodes()
  }
}

extension Dataflow {
  fileprivate func isNorm(_ index: Int, of value: Graph.Value) -> Bool {
    guard index < nodes.count, case .norm = nodes[index].op, nodes[index].inputs[0] == value else { return false }
    // Computed parameters may depend on the sum.
    return nodes[index].inputs.dropFirst().allSatisfy { parameter in
      if case .weight = node(defining: parameter).op { true } else { false }
    }
  }
}
