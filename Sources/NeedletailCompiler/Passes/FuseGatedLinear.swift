import NeedletailGraph

extension Pass {
  /// activation(gate) * up of a product that nothing else reads becomes part of the product: its result is never stored.
  public static let fuseGatedLinear = Pass("fuseGatedLinear") { graph, context throws(GraphError) in
    guard context.fusions.contains(.gatedLinear) else { return }
    let flow = Dataflow(graph)
    for (index, node) in flow.nodes.enumerated() {
      guard case .gatedActivation(let activation) = node.op,
        var (product, operands) = flow.ownProduct(node.inputs[0]), product.gate == nil, !product.hasResidual
      else { continue }
      product.gate = activation
      graph.nodes[index] = node.replaced(by: product, operands)
      graph.nodes[index].scope = flow.node(defining: node.inputs[0]).scope
    }
  }
}
