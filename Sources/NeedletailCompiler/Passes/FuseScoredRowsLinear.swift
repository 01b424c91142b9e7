import NeedletailGraph

extension Pass {
  /// The gather of the rows whose logits are needed becomes part of the product that reads them: it takes rows by the
  /// step's indices, from where all tokens' rows lie.
  public static let fuseScoredRowsLinear = Pass("fuseScoredRowsLinear") { graph, context throws(GraphError) in
    guard context.fusions.contains(.scoredRowsLinear) else { return }
    let flow = Dataflow(graph)
    let name = StepInput.scoredRows.rawValue
    var indices = flow.nodes.first { $0.op == .input(name) }?.results[0]
    for (index, node) in flow.nodes.enumerated() {
      guard var (product, operands) = node.product, !product.choosesRows, flow.isWeight(operands.weight),
        flow.isUsedOnce(operands.x)
      else { continue }
      let gather = flow.node(defining: operands.x)
      guard gather.op == .scoredRows, graph[operands.x].shape.count == 2 else { continue }
      let rows = indices ?? graph.newValue(TensorType(.int32, [.scoredRows]))
      indices = rows
      product.choosesRows = true
      operands.x = gather.inputs[0]
      operands.rows = rows
      graph.nodes[index] = node.replaced(by: product, operands)
    }
    if let indices, flow.definitions[indices] == nil {
      graph.nodes.insert(Graph.Node(.input(name), [], [indices]), at: 0)
    }
  }
}
