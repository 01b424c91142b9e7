import NeedletailGraph

extension Pass {
  /// activation(gate) * up, where gate and up are neighbouring halves of one product, becomes one operation on the
  /// product.
  public static let fuseGatedActivation = Pass("fuseGatedActivation") { graph, context throws(GraphError) in
    guard context.fusions.contains(.gatedActivation) else { return }
    let flow = Dataflow(graph)
    var nodes: [Graph.Node] = []
    for node in graph.nodes {
      guard let gate = flow.gate(of: node) else {
        nodes.append(node)
        continue
      }
      let product = graph.value(of: gate.columns, scope: node.scope, in: &nodes)
      nodes.append(Graph.Node(.gatedActivation(gate.activation), [product], node.results, scope: node.scope))
    }
    graph.nodes = nodes
  }
}

extension Dataflow {
  fileprivate func gate(of node: Graph.Node) -> (activation: Activation, columns: Columns)? {
    guard node.op == .binary(.multiply) else { return nil }
    for (a, b) in [(node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])] {
      let gate = self.node(defining: a)
      guard case .activation(let activation) = gate.op, isUsedOnce(a) else { continue }
      let halves = [columns(gate.inputs[0]), columns(b)]
      guard let whole = adjacent(halves), halves[0]?.range.count == halves[1]?.range.count else { continue }
      return (activation, whole)
    }
    return nil
  }
}
