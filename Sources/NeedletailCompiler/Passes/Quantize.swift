import NeedletailGraph
import NeedletailKernels

extension Pass {
  /// Weights that the context has a recipe for become coded ones: of products, of experts, and tables of which rows are
  /// taken. What computes with them stays: its arithmetic is the weight's recipe's. Weights that a recipe does not fit
  /// (4-bit codes of an odd number of columns) stay as they are.
  public static let quantize = Pass("quantize") { graph, context throws(GraphError) in
    let roles = graph.matrixRoles()
    for index in graph.nodes.indices {
      guard case .weight(var weight) = graph.nodes[index].op, weight.shape.count == 2, weight.recipe == nil,
        let role = roles[graph.nodes[index].results[0]]
      else { continue }
      var recipes: Set<LinearRecipe?> = []
      for part in weight.parts { recipes.insert(try context.recipe(part, role)) }
      guard recipes.count == 1 else {
        throw GraphError("\(weight) has parts that are coded differently: \(weight.parts[0].name) and others")
      }
      guard case var recipe?? = recipes.first else { continue }
      if recipe.weight.code == .int4 { recipe.weight.scaleType = context.precision.dtype }
      guard recipe.fault(n: weight.shape[0], k: weight.shape[1]) == nil,
        !weight.parts.contains(where: \.hasUnitRows)
      else { continue }
      weight.recipe = recipe
      graph.nodes[index].op = .weight(weight)
      graph[graph.nodes[index].results[0]].dtype = recipe.weight.dtype
    }
  }
}

extension Graph {
  /// What each matrix that may be coded is for. Matrices that are also used otherwise are not among them.
  public func matrixRoles() -> [Value: ModuleRole] {
    let (routed, scored) = (values(upTo: \.choosesExperts), logits())
    var roles: [Value: ModuleRole] = [:]
    var others: Set<Value> = Set(outputs.map(\.value))
    for node in nodes {
      switch node.op {
      case .linear:
        let result = node.results[0]
        let role: ModuleRole =
          routed.contains(result) ? .router : scored.contains(result) ? .head : .projection
        // A matrix that is shared with the embedding is that.
        if roles[node.inputs[1]] != .embedding { roles[node.inputs[1]] = role }
        others.formUnion([node.inputs[0]] + node.inputs.dropFirst(2))
      case .embed:
        roles[node.inputs[0]] = .embedding
        others.insert(node.inputs[1])
      case .experts:
        guard let operands = ExpertsOperands(node.inputs) else { continue }
        roles[operands.gateUp] = .experts
        roles[operands.down] = .experts
        others.formUnion(node.inputs.enumerated().filter { $0.offset != 3 && $0.offset != 4 }.map(\.element))
      default: others.formUnion(node.inputs)
      }
    }
    return roles.filter { !others.contains($0.key) }
  }

  // Values that become what an operation reads first, through operations on single elements and views.
  private func values(upTo isWanted: (Op) -> Bool) -> Set<Value> {
    closure(of: nodes.compactMap { isWanted($0.op) ? $0.inputs.first : nil })
  }

  private func logits() -> Set<Value> { closure(of: outputs.map(\.value)) }

  private func closure(of values: [Value]) -> Set<Value> {
    var reached = Set(values)
    for node in nodes.reversed() where node.results.contains(where: reached.contains) {
      switch node.op {
      case .activation, .scale, .softcap, .clamp, .cast, .reshape, .slice, .scoredRows, .binary:
        reached.insert(node.inputs[0])
      default: break
      }
    }
    return reached
  }
}

extension Op {
  fileprivate var choosesExperts: Bool { if case .route = self { true } else { false } }
}
