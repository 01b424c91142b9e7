import NeedletailGraph

extension Pass {
  /// Computes only the rows whose logits are wanted, from the last values that other tokens need (attention's output
  /// and the residual stream of the last layer): rows are gathered there instead of at the end. Operations on rows
  /// give a row the same bits whatever the other rows are, so no result changes.
  ///
  /// Where products choose their rows themselves (`Fusion.scoredRowsLinear`), rows are gathered no earlier than at the
  /// last product: a few rows more cost its predecessors nothing, and a gather would be a launch.
  ///
  /// The outputs that `StepOutput` names become [scored rows, width]; others keep all their rows.
  public static let keepScoredRows = Pass("keepScoredRows") { graph, context throws(GraphError) in
    for index in graph.outputs.indices where StepOutput(rawValue: graph.outputs[index].name) != nil {
      let (name, value) = (graph.outputs[index].name, graph.outputs[index].value)
      guard graph[value].shape.first == .tokens else { continue }
      let rows = graph.newValue(graph[value].withScoredRows)
      graph.nodes.append(Graph.Node(.scoredRows, [value], [rows], scope: name))
      graph.outputs[index].value = rows
    }
    var gather = ScoredRowsGather(graph, stopsAtProducts: context.fusions.contains(.scoredRowsLinear))
    gather.rewrite(&graph)
  }
}

private struct ScoredRowsGather {
  // Nodes that are computed for scored rows only.
  private var moved: Set<Int> = []
  private var scored: Set<Graph.Value> = []
  private var gathered: [Graph.Value: Graph.Value] = [:]

  init(_ graph: Graph, stopsAtProducts: Bool) {
    let uses = graph.uses()
    for index in graph.nodes.indices.reversed() {
      let node = graph.nodes[index]
      guard node.isRowWise(in: graph) else { continue }
      let users = node.results.flatMap { uses[$0] ?? [] }
      let isScored = users.allSatisfy {
        guard $0 < graph.nodes.count else { return false }
        let user = graph.nodes[$0].op
        return user == .scoredRows || moved.contains($0) && !(stopsAtProducts && user == .linear)
      }
      if isScored && !users.isEmpty { moved.insert(index) }
    }
    // Views of values that are computed for all tokens stay views: rows are gathered out of the part, not the whole.
    for index in graph.nodes.indices where moved.contains(index) {
      let node = graph.nodes[index]
      switch node.op {
      case .slice, .reshape:
        guard scored.contains(node.inputs[0]) else {
          moved.remove(index)
          continue
        }
      default: break
      }
      scored.formUnion(node.results)
    }
  }

  mutating func rewrite(_ graph: inout Graph) {
    let old = graph.nodes
    graph.nodes = []
    for (index, node) in old.enumerated() {
      if node.op == .scoredRows {
        // Already appended where its operand was gathered for another node.
        let rows = rows(of: node.inputs[0], as: node.results[0], scope: node.scope, in: &graph)
        if rows != node.results[0] { gathered[node.results[0]] = rows }
        continue
      }
      var node = node
      node.inputs = node.inputs.map { input in
        if graph[input].shape.first == .scoredRows { return gathered[input] ?? input }
        guard moved.contains(index), graph[input].shape.first == .tokens else { return input }
        return rows(of: input, as: nil, scope: node.scope, in: &graph)
      }
      if moved.contains(index) {
        for result in node.results { graph[result] = graph[result].withScoredRows }
        if case .reshape(let shape) = node.op { node.op = .reshape([.scoredRows] + shape.dropFirst()) }
      }
      graph.nodes.append(node)
    }
    graph.outputs = graph.outputs.map { .init($0.name, gathered[$0.value] ?? $0.value) }
  }

  // The scored rows of a value: itself if only those are computed, else one gather for all who want it.
  private mutating func rows(
    of value: Graph.Value, as result: Graph.Value?, scope: String, in graph: inout Graph
  ) -> Graph.Value {
    if scored.contains(value) { return value }
    if let rows = gathered[value] { return rows }
    let rows = result ?? graph.newValue(graph[value].withScoredRows)
    graph.nodes.append(Graph.Node(.scoredRows, [value], [rows], scope: scope))
    gathered[value] = rows
    return rows
  }
}

extension Graph.Node {
  /// Whether each row of the results, one for each token, depends on the same row of the operands only.
  fileprivate func isRowWise(in graph: Graph) -> Bool {
    guard let result = results.first.map({ graph[$0] }), result.shape.count >= 2, result.shape[0] == .tokens else {
      return false
    }
    switch op {
    case .linear, .headLinear, .concatenate, .binary, .activation, .scale, .softcap, .clamp, .norm, .slice, .cast,
      .addNorm, .gatedActivation, .route, .experts:
      return true
    case .reshape: return graph[inputs[0]].shape[0] == .tokens
    default: return false
    }
  }
}

extension TensorType {
  fileprivate var withScoredRows: TensorType { TensorType(dtype, [.scoredRows] + shape.dropFirst()) }
}
