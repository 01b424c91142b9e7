import NeedletailGraph

extension Pass {
  /// A norm that only one product reads becomes part of the product, which normalizes the float32 rows that it multiplies
  /// and rounds them to the weight's type. Worth it for few rows: every block of the kernel repeats the norm.
  public static let fuseNormLinear = Pass("fuseNormLinear") { graph, context throws(GraphError) in
    guard context.fusions.contains(.normLinear) else { return }
    let flow = Dataflow(graph)
    for (index, node) in flow.nodes.enumerated() {
      guard var (product, operands) = node.product, product.norm == nil, flow.isWeight(operands.weight),
        flow.isUsedOnce(operands.x)
      else { continue }
      let normalized = operands.x
      let follower = flow.node(defining: normalized)
      let vectors = follower.inputs.dropFirst()
      // The kernel rounds what it normalizes to the type of the operands, and reads vectors before the step's values.
      guard case .norm(let norm) = follower.op, graph[follower.inputs[0]].dtype == .float32,
        graph[normalized].dtype == graph.operandType(of: operands.weight, context),
        vectors.allSatisfy({ flow.isWeight($0) && graph[$0].dtype == .float32 })
      else { continue }
      product.norm = norm
      product.hasNormWeight = follower.inputs.count > 1
      product.hasNormBias = follower.inputs.count > 2
      operands.x = follower.inputs[0]
      operands.normWeight = vectors.first
      operands.normBias = vectors.dropFirst().first
      graph.nodes[index] = node.replaced(by: product, operands)
    }
  }
}

extension Graph {
  /// The type that rows are rounded to before they are multiplied with a weight: its own, or the context's for codes.
  fileprivate func operandType(of weight: Value, _ context: PassContext) -> DType {
    let dtype = self[weight].dtype
    return [.float32, .bfloat16, .float16].contains(dtype) ? dtype : context.precision.dtype
  }
}
