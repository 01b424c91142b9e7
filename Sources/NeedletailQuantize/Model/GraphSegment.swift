import NeedletailGraph

/// A part of a model's graph that can be run by itself: one layer, or what stands before or after all layers. Values that
/// come from earlier parts are its inputs, those that later parts read its outputs.
struct GraphSegment {
  /// Its nodes, with inputs and outputs of their own.
  var graph: Graph
  /// The layer; nil: none.
  var layer: Int?
  /// Values from earlier parts.
  var inputs: [Graph.Value]
  /// Values for later parts.
  var outputs: [Graph.Value]
  /// Values that are wanted besides.
  var watched: [Graph.Value]

  /// The name that a value has as input or output.
  static func name(_ value: Graph.Value) -> String { "value.\(value.index)" }

  /// Cuts a graph between layers. `watched` values become outputs of the parts that make them.
  static func cut(_ graph: Graph, watched: Set<Graph.Value>) throws -> [GraphSegment] {
    let flow = GraphFlow(graph)
    // Weights, step inputs and tables are made where they are needed.
    func isFree(_ node: Graph.Node) -> Bool {
      switch node.op {
      case .input, .weight, .ropeTable: true
      default: false
      }
    }
    var places: [Graph.Value: Int] = [:]
    var pieces: [(layer: Int?, nodes: [Int])] = []
    for (index, node) in graph.nodes.enumerated() where !isFree(node) {
      // What stands between layers without a number belongs to the layer before it, except behind the last.
      let layer = flow.layer(of: node)
      if pieces.isEmpty || pieces[pieces.count - 1].layer != layer { pieces.append((layer, [])) }
      pieces[pieces.count - 1].nodes.append(index)
      for result in node.results { places[result] = pieces.count - 1 }
    }
    let uses = graph.uses()
    let definitions = graph.definitions()
    return pieces.enumerated().map { place, piece in
      var needed: Set<Int> = Set(piece.nodes)
      var inputs: [Graph.Value] = []
      func require(_ value: Graph.Value) {
        if let made = places[value] {
          if made != place, !inputs.contains(value) { inputs.append(value) }
          return
        }
        guard let index = definitions[value], needed.insert(index).inserted else { return }
        for input in graph.nodes[index].inputs { require(input) }
      }
      for index in piece.nodes { for input in graph.nodes[index].inputs { require(input) } }
      let results = piece.nodes.flatMap { graph.nodes[$0].results }
      let outputs = results.filter { value in
        (uses[value] ?? []).contains { use in
          use < graph.nodes.count && graph.nodes[use].results.contains { places[$0] != place }
        }
      }
      // A layer's product may read what an earlier part made.
      let wanted = (results + inputs).filter { watched.contains($0) }
      var own = Graph()
      own.types = graph.types
      own.nodes = inputs.map { Graph.Node(.input(name($0)), [], [$0]) } + needed.sorted().map { graph.nodes[$0] }
      for value in outputs + wanted.filter({ !outputs.contains($0) && !inputs.contains($0) }) {
        own.outputs.append(.init(name(value), value))
      }
      // Caches are counted from 0 in each part.
      var count = 0
      for index in own.nodes.indices {
        guard case .attention(var attention) = own.nodes[index].op else { continue }
        attention.layer = count
        count += 1
        own.nodes[index].op = .attention(attention)
      }
      own.renumber()
      return GraphSegment(graph: own, layer: piece.layer, inputs: inputs, outputs: outputs, watched: wanted)
    }
  }
}
