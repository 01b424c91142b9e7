import NeedletailGraph

extension Plan {
  /// How the plan's matrices are coded: each recipe with how many matrices have it, the most used first.
  public var codings: [(recipe: LinearRecipe, count: Int)] {
    var counts: [LinearRecipe: Int] = [:]
    for planned in weights {
      if let recipe = planned.weight.recipe { counts[recipe, default: 0] += planned.weight.parts.count }
    }
    return counts.sorted { ($0.value, $1.key.description) > ($1.value, $0.key.description) }
      .map { (recipe: $0.key, count: $0.value) }
  }

  /// "none", or the recipes of coded matrices.
  public var codingName: String {
    let codings = codings
    return codings.isEmpty ? "none" : codings.map { "\($0.recipe)" }.joined(separator: ", ")
  }

  /// Names of the modules whose matrices are not coded, in the order of the plan, if any are.
  public var modulesNotCoded: [String] {
    guard !codings.isEmpty else { return [] }
    return weights.filter { $0.weight.recipe == nil && $0.weight.shape.count == 2 }
      .flatMap { $0.weight.parts.map(\.module) }
  }
}
