import NeedletailGraph

extension Pass {
  /// Replaces `.real` by storage types, as the context's policy says. A value is stored in the operands' type if
  /// nothing but matrix products reads it (a norm's result), in the stream's if it is or joins the residual stream or
  /// chooses experts, else as intermediate values are (queries, keys, values, gates): kernels convert what they load and
  /// store, so no casts are needed between them.
  public static let precision = Pass("precision") { graph, context throws(GraphError) in
    let policy = context.precision
    let operands = graph.valuesOnlyProductsRead()
    let stream = graph.valuesOfTheStream()
    let logits = graph.valuesThatChooseExperts()
    let routers = policy.routers == nil ? [] : graph.valuesProductsRead(thatGive: logits)
    let uses = graph.uses()
    let wasReal = graph.outputs.map { graph[$0.value].dtype == .real }
    for node in graph.nodes {
      for result in node.results where graph[result].dtype == .real {
        switch node.op {
        case .weight(let weight):
          let usual = policy.storage(of: weight, in: context.storedType)
          graph[result].dtype = routers.contains(result) ? policy.routers ?? usual : usual
        case .input: graph[result].dtype = policy.stream
        case .ropeTable: graph[result].dtype = .float32
        case .slice, .reshape: graph[result].dtype = graph[node.inputs[0]].dtype
        default:
          let isOutput = uses[result]?.last == graph.nodes.count
          graph[result].dtype =
            if isOutput {
              policy.logits
            } else if routers.contains(result) {
              policy.routers ?? policy.dtype
            } else if operands.contains(result) {
              policy.dtype
            } else {
              stream.contains(result) || logits.contains(result) ? policy.stream : policy.intermediates
            }
        }
      }
    }
    // An output that is a view of something stored otherwise.
    for index in graph.outputs.indices where wasReal[index] {
      let value = graph.outputs[index].value
      guard graph[value].dtype != policy.logits else { continue }
      let converted = graph.newValue(TensorType(policy.logits, graph[value].shape))
      graph.nodes.append(Graph.Node(.cast(policy.logits), [value], [converted], scope: graph.outputs[index].name))
      graph.outputs[index].value = converted
    }
  }
}

extension Graph {
  /// Values that are read by matrix products only, as what they multiply, also through views and gathers.
  fileprivate func valuesOnlyProductsRead() -> Set<Value> {
    var others: Set<Value> = Set(outputs.map(\.value))
    var used: Set<Value> = []
    for node in nodes.reversed() {
      used.formUnion(node.inputs)
      switch node.op {
      case .linear, .headLinear, .experts: others.formUnion(node.inputs.dropFirst())
      case .slice, .reshape, .scoredRows:
        if others.contains(node.results[0]) { others.insert(node.inputs[0]) }
      default: others.formUnion(node.inputs)
      }
    }
    return used.subtracting(others)
  }

  /// Logits of routers.
  fileprivate func valuesThatChooseExperts() -> Set<Value> {
    var values: Set<Value> = []
    for node in nodes {
      if case .route = node.op { values.insert(node.inputs[0]) }
    }
    return values
  }

  /// What products read that give some values: routers' matrices, and what these multiply.
  fileprivate func valuesProductsRead(thatGive results: Set<Value>) -> Set<Value> {
    var values: Set<Value> = []
    for node in nodes where node.results.contains(where: results.contains) {
      if case .linear = node.op { values.formUnion(node.inputs) }
    }
    return values
  }

  /// Embeddings, sums of rows, and what is added to rows, also through views, gathers and factors.
  fileprivate func valuesOfTheStream() -> Set<Value> {
    var stream: Set<Value> = []
    for node in nodes.reversed() {
      let isOfTheStream = node.results.contains(where: stream.contains)
      switch node.op {
      case .embed: stream.formUnion(node.results)
      case .binary(let operation):
        let joins =
          (operation == .add || operation == .subtract) && self[node.inputs[0]].shape == self[node.inputs[1]].shape
        if joins { stream.formUnion(node.results) }
        if joins || isOfTheStream { stream.formUnion(node.inputs) }
      case .slice, .reshape, .scoredRows, .scale, .cast: if isOfTheStream { stream.insert(node.inputs[0]) }
      default: break
      }
    }
    return stream
  }
}
