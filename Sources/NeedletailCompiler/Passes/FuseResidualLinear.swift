import NeedletailGraph

extension Pass {
  /// x + f(x), where f ends in a product that nothing else reads, becomes part of the product. The sum is the residual
  /// stream: both it and x are float32.
  public static let fuseResidualLinear = Pass("fuseResidualLinear") { graph, context throws(GraphError) in
    guard context.fusions.contains(.residualLinear) else { return }
    let flow = Dataflow(graph)
    for (index, node) in flow.nodes.enumerated() where node.op == .binary(.add) {
      guard graph[node.inputs[0]].shape == graph[node.inputs[1]].shape, node.inputs[0] != node.inputs[1] else {
        continue
      }
      // A sum of two products takes in the second one, which models compute last.
      for (delta, x) in [(node.inputs[1], node.inputs[0]), (node.inputs[0], node.inputs[1])] {
        guard graph[x].dtype == .float32, graph[node.results[0]].dtype == .float32,
          var (product, operands) = flow.ownProduct(delta), !product.hasResidual
        else { continue }
        product.hasResidual = true
        operands.residual = x
        graph.nodes[index] = node.replaced(by: product, operands)
        graph.nodes[index].scope = flow.node(defining: delta).scope
        break
      }
    }
  }
}
