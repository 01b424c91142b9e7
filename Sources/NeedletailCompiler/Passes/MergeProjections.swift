import NeedletailGraph

extension Pass {
  /// Products of the same rows by several weights (q, k, v; gate, up) become one product by the merged weight, and
  /// slices of it. Merged are those whose results meet in one node: in a block where attention and MLP read the same
  /// norm, q, k, v become one product and gate, up another. Their order is that of attention's operands, gate before
  /// up.
  ///
  /// Only weights that are stored alike, that nothing else uses, and that are divided over ranks alike are merged, all
  /// with a bias or all without.
  public static let mergeProjections = Pass("mergeProjections") { graph, context throws(GraphError) in
    guard context.fusions.contains(.mergedLinear) else { return }
    let flow = Dataflow(graph)
    var groups: [Projection.Group: [Projection]] = [:]
    for index in graph.nodes.indices {
      guard let projection = Projection(node: index, of: graph, flow) else { continue }
      groups[projection.group, default: []].append(projection)
    }
    var replacements: [Int: [Graph.Node]] = [:]
    for var projections in groups.values where projections.count > 1 {
      let place = projections[0].node
      projections.sort { ($0.order, $0.node) < ($1.order, $1.node) }
      for projection in projections { replacements[projection.node] = [] }
      replacements[place] = graph.merged(projections)
    }
    graph.nodes = graph.nodes.enumerated().flatMap { replacements[$0] ?? [$1] }
    try graph.sortNodes()
  }
}

/// A product that may be merged.
private struct Projection {
  /// What is equal among products that are merged.
  struct Group: Hashable {
    let input: Graph.Value
    let weightType: DType
    let biasType: DType?
    let split: Split?
    let recipe: LinearRecipe?
    let resultType: DType
    let meeting: Int
  }

  let node: Int
  let group: Group
  let weight: Weight
  let bias: Weight?
  // Place among the merged ones.
  let order: Int

  init?(node index: Int, of graph: Graph, _ flow: Dataflow) {
    let node = graph.nodes[index]
    guard case .linear = node.op, let weight = flow.ownWeight(node.inputs[1]) else { return nil }
    // Rows that share scales would be others in the merged weight.
    if let rows = weight.recipe?.weight.rowsPerScale, weight.shape[0] % rows != 0 { return nil }
    var bias: Weight?
    if node.inputs.count == 3 {
      guard let own = flow.ownWeight(node.inputs[2]) else { return nil }
      bias = own
    }
    guard let meeting = flow.meeting(of: node.results[0], in: graph) else { return nil }
    self.node = index
    self.weight = weight
    self.bias = bias
    order = meeting.order
    group = Group(
      input: node.inputs[0], weightType: graph[node.inputs[1]].dtype,
      biasType: bias.map { _ in graph[node.inputs[2]].dtype },
      split: weight.split, recipe: weight.recipe, resultType: graph[node.results[0]].dtype, meeting: meeting.node)
  }
}

extension Dataflow {
  /// The first node that joins a value, or what becomes of it, with another one; and the place there.
  fileprivate func meeting(of value: Graph.Value, in graph: Graph) -> (node: Int, order: Int)? {
    var value = value
    var isActivated = false
    while let index = uses[value]?.first, index < nodes.count {
      let node = nodes[index]
      switch node.op {
      case .activation: isActivated = true
      case .slice, .reshape, .scale, .softcap, .clamp, .cast, .scoredRows, .concatenate: break
      case .norm, .rope, .linear, .headLinear:
        guard node.inputs[0] == value else { return (index, 0) }
      case .binary:
        // Adding a vector to every row joins nothing.
        guard graph[node.inputs[1]].shape.count == 1, graph[node.inputs[0]].shape.count > 1 else {
          return (index, isActivated ? 0 : 1)
        }
      case .attention: return (index, node.inputs.firstIndex(of: value) ?? 0)
      default: return (index, 0)
      }
      value = node.results[0]
    }
    return nil
  }
}

extension Graph {
  /// The merged product of projections in this order, followed by slices that define the values they defined.
  fileprivate mutating func merged(_ projections: [Projection]) -> [Node] {
    let first = nodes[projections[0].node]
    let group = projections[0].group
    let scope = String(commonPrefix(projections.map { nodes[$0.node].scope }))
    var result: [Node] = []
    var inputs = [group.input]
    func weight(_ weight: Weight, _ dtype: DType) -> Value {
      let value = newValue(TensorType(dtype, weight.shape.map(Dim.fixed)))
      result.append(Node(.weight(weight), [], [value], scope: scope))
      return value
    }
    let parts = projections.flatMap(\.weight.parts)
    inputs.append(weight(Weight(parts: parts, split: group.split, recipe: group.recipe), group.weightType))
    if let biasType = group.biasType {
      let biases = projections.compactMap(\.bias)
      inputs.append(weight(Weight(parts: biases.flatMap(\.parts), split: biases[0].split), biasType))
    }
    let width = projections.reduce(0) { $0 + self[nodes[$1.node].results[0]].width }
    let product = newValue(TensorType(group.resultType, self[first.results[0]].shape.dropLast() + [.fixed(width)]))
    result.append(Node(.linear, inputs, [product], scope: scope))
    var start = 0
    for projection in projections {
      let node = nodes[projection.node]
      let count = self[node.results[0]].width
      result.append(Node(.slice(start: start, count: count), [product], node.results, scope: node.scope))
      start += count
    }
    return result
  }
}

/// The part of the model that all scopes are in: "layers.0.mlp" for "layers.0.mlp.gate_proj" and
/// "layers.0.mlp.up_proj".
private func commonPrefix(_ scopes: [String]) -> String {
  var common = scopes[0].split(separator: ".")[...]
  for scope in scopes.dropFirst() {
    let parts = scope.split(separator: ".")
    common = common.prefix(zip(common, parts).prefix { $0 == $1 }.count)
  }
  return common.joined(separator: ".")
}
