import NeedletailGraph

/// Questions about where a graph's values come from and go to.
struct GraphFlow {
  let graph: Graph
  private let definitions: [Graph.Value: Int]
  private let uses: [Graph.Value: [Int]]

  init(_ graph: Graph) {
    self.graph = graph
    definitions = graph.definitions()
    uses = graph.uses()
  }

  func node(_ value: Graph.Value) -> Graph.Node? { definitions[value].map { graph.nodes[$0] } }

  /// The tensors of a weight.
  func parts(_ value: Graph.Value) -> [Weight.Part] {
    guard case .weight(let weight)? = node(value)?.op else { return [] }
    return weight.parts
  }

  /// The tensor of a weight that is one.
  func onlyPart(_ value: Graph.Value) -> Weight.Part? {
    let parts = parts(value)
    return parts.count == 1 ? parts[0] : nil
  }

  /// The first number in a node's scope.
  func layer(of node: Graph.Node) -> Int? { node.scope.split(separator: ".").lazy.compactMap { Int($0) }.first }

  /// What a product is for.
  func role(of index: Int) -> ModuleRole {
    var open = graph.nodes[index].results
    var seen: Set<Graph.Value> = []
    var isHead = layer(of: graph.nodes[index]) == nil
    while let value = open.popLast() {
      guard seen.insert(value).inserted else { continue }
      for use in uses[value] ?? [] {
        guard use < graph.nodes.count else { continue }
        switch graph.nodes[use].op {
        case .route: return .router
        case .scale, .softcap, .activation, .cast, .scoredRows, .binary: open += graph.nodes[use].results
        default: isHead = false
        }
      }
      // A router's scores go straight to it; elsewhere one step is enough.
      if layer(of: graph.nodes[index]) != nil { break }
    }
    return isHead ? .head : .projection
  }

  /// Where factors of a value's columns can go, if only products by these matrices read it.
  func fold(_ x: Graph.Value, modules: Set<String>) -> Fold? {
    guard readsOnly(x, modules), let maker = node(x) else { return nil }
    switch maker.op {
    case .norm(let norm):
      guard maker.inputs.count > 1, let weight = onlyPart(maker.inputs[1]), isWhole(weight) else { return nil }
      var bias: Weight.Part?
      if maker.inputs.count > 2 {
        guard let part = onlyPart(maker.inputs[2]), isWhole(part) else { return nil }
        bias = part
      }
      // A norm that is used in several places would be divided in all of them.
      guard usesOfWeight(maker.inputs[1]) == 1 else { return nil }
      return .norm(weight: weight, bias: bias, offset: norm.weightOffset)
    case .binary(.multiply):
      // activation(gate) * up: up's rows are the columns.
      for input in maker.inputs.reversed() {
        if let fold = rows(input, through: [], ties: nil) { return fold }
      }
      return nil
    case .reshape: return attentionValues(maker)
    default: return nil
    }
  }

  private func attentionValues(_ reshape: Graph.Node) -> Fold? {
    guard let attention = node(reshape.inputs[0]), case .attention(let kind) = attention.op, kind.valuesFromKeys == nil,
      attention.inputs.count >= 3, uses[reshape.inputs[0]]?.count == 1
    else { return nil }
    let value = attention.inputs[2]
    let (query, shape) = (graph[attention.inputs[0]].shape, graph[value].shape)
    guard query.count == 3, shape.count == 3, let heads = query[1].fixed, let sources = shape[1].fixed,
      let width = shape[2].fixed, sources > 0, heads % sources == 0, uses[value]?.count == 1
    else { return nil }
    guard let made = node(value), case .reshape = made.op else { return nil }
    return rows(made.inputs[0], through: [value], ties: Ties(heads: heads, sources: sources, width: width))
  }

  /// The rows of the product that makes a value which nothing else reads.
  private func rows(_ value: Graph.Value, through: [Graph.Value], ties: Ties?) -> Fold? {
    guard uses[value]?.count == 1, let maker = node(value), case .linear = maker.op,
      let part = onlyPart(maker.inputs[1]), part.index == nil, part.columns == nil, !part.hasUnitRows,
      usesOfWeight(maker.inputs[1]) == 1
    else { return nil }
    var bias: Weight.Part?
    if maker.inputs.count > 2 {
      guard let found = onlyPart(maker.inputs[2]) else { return nil }
      bias = found
    }
    return .rows(part, bias: bias, ties: ties)
  }

  private func isWhole(_ part: Weight.Part) -> Bool { part.rows == nil && part.index == nil && part.columns == nil }

  private func usesOfWeight(_ value: Graph.Value) -> Int { uses[value]?.count ?? 0 }

  /// Whether every use of a value is a product by one of the matrices.
  private func readsOnly(_ x: Graph.Value, _ modules: Set<String>) -> Bool {
    (uses[x] ?? []).allSatisfy { use in
      guard use < graph.nodes.count, case .linear = graph.nodes[use].op, graph.nodes[use].inputs[0] == x,
        let part = onlyPart(graph.nodes[use].inputs[1]), part.name.hasSuffix(".weight")
      else { return false }
      return modules.contains(String(part.name.dropLast(7)))
    }
  }
}
