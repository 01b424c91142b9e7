import NeedletailGraph

/// A matrix of the checkpoint that a model multiplies by, and what it reads.
struct LinearSite {
  /// The tensor's name without ".weight".
  var module: String
  /// Its tensor.
  var part: Weight.Part
  /// The values it is multiplied with, once for each part of a fused matrix.
  var x: Graph.Value
  /// [outputs, inputs]
  var shape: [Int]
  /// What it is for.
  var role: ModuleRole
  /// The layer it stands in; nil: before or after them.
  var layer: Int?
}

/// Matrices that read the same values, and what their factors can be taken into.
struct SiteGroup {
  /// What they read.
  var x: Graph.Value
  /// In the order of their use.
  var sites: [LinearSite]
  /// Where a factor of x's columns can go; nil: only into an input scale.
  var fold: Fold?
}

/// What makes the input of products, such that its columns can be divided by factors once and for all.
enum Fold {
  /// A norm's weight and bias; `offset` is added to the stored weight.
  case norm(weight: Weight.Part, bias: Weight.Part?, offset: Float)
  /// Outputs of another product (columns times something, or attention's values).
  case rows(Weight.Part, bias: Weight.Part?, ties: Ties?)
}

/// The products of a model, found in its graph.
struct ModelSites {
  var sites: [String: LinearSite] = [:]
  var groups: [SiteGroup] = []
  /// Tensors of which rows are taken, with their shape.
  var embeddings: [(module: String, shape: [Int])] = []
  /// Matrices of experts: tensor, shape as stored, layer.
  var experts: [(part: Weight.Part, layer: Int?)] = []

  init(_ graph: Graph) {
    let flow = GraphFlow(graph)
    var order: [Graph.Value] = []
    var members: [Graph.Value: [LinearSite]] = [:]
    var refused: Set<String> = []
    for (index, node) in graph.nodes.enumerated() {
      switch node.op {
      case .linear:
        guard let part = flow.onlyPart(node.inputs[1]), part.index == nil, part.columns == nil, !part.hasUnitRows,
          part.shape.count == 2, part.name.hasSuffix(".weight")
        else { continue }
        let module = String(part.name.dropLast(7))
        let x = node.inputs[0]
        if let known = sites[module] {
          // Parts of one matrix that read different values cannot be treated as one.
          if known.x != x { refused.insert(module) }
          continue
        }
        let shape = part.transposed ? Array(part.shape.reversed()) : part.shape
        let site = LinearSite(
          module: module, part: part, x: x, shape: shape, role: flow.role(of: index), layer: flow.layer(of: node))
        sites[module] = site
        if members[x] == nil { order.append(x) }
        members[x, default: []].append(site)
      case .embed:
        guard let part = flow.onlyPart(node.inputs[0]), part.name.hasSuffix(".weight") else { continue }
        embeddings.append((String(part.name.dropLast(7)), part.shape))
      case .experts:
        for input in node.inputs {
          for part in flow.parts(input) where part.storedShape.count == 2 {
            if !experts.contains(where: { $0.part.name == part.name }) { experts.append((part, flow.layer(of: node))) }
          }
        }
      default: break
      }
    }
    let tables = Set(embeddings.map(\.module))
    for module in refused.union(tables) { sites[module] = nil }
    for x in order {
      let kept = (members[x] ?? []).filter { sites[$0.module] != nil }
      guard !kept.isEmpty else { continue }
      let all = Set(kept.map(\.module))
      groups.append(SiteGroup(x: x, sites: kept, fold: flow.fold(x, modules: all)))
    }
  }
}
