import Needletail
import NeedletailKernels

/// A step of a plan with what each of its launches costs.
struct InspectionPhase {
  /// One launch that runs.
  struct Row {
    /// Its number in the variant.
    let index: Int
    let launch: Launch
    let cost: Cost.Evaluated
    /// The least time that this machine's rates allow.
    let floor: Double
    /// The time it took, in seconds, where it was measured.
    var measured: Double?
  }

  /// "decode" or "prefill".
  let name: String
  /// "decode, batch 1, context 512".
  let title: String
  let profile: StepProfile
  /// Which of the plan's variants runs it.
  let variant: Int
  var rows: [Row]
  /// Seconds of the step as the engine runs it, where it was measured whole.
  var wholeStep: Double?
  /// Watts while it ran, where the device tells.
  var watts: Double?

  init(name: String, title: String, profile: StepProfile, plan: Plan, rates: MachineRates) {
    self.name = name
    self.title = title
    self.profile = profile
    variant = plan.variant(tokens: profile.counts.tokens)
    rows = plan.variants[variant].launches.enumerated().compactMap { index, launch in
      guard launch.gpu?.runs(in: profile.counts) ?? true else { return nil }
      let cost = launch.cost(in: profile)
      return Row(index: index, launch: launch, cost: cost, floor: rates.floorSeconds(cost))
    }
  }

  /// All launches together.
  var total: Cost.Evaluated { rows.reduce(.none) { $0 + $1.cost } }
  /// The least time of the launches one after the other.
  var floor: Double { rows.reduce(0) { $0 + $1.floor } }
  /// The time they took.
  var measured: Double? {
    rows.contains { $0.measured == nil } ? nil : rows.reduce(0) { $0 + ($1.measured ?? 0) }
  }

  /// Launches that are alike but for the layer, together.
  struct Group {
    var count = 0
    let launch: Launch
    let scope: String
    var cost = Cost.Evaluated.none
    var floor = 0.0
    var measured: Double?
  }

  /// The launches by kernel, problem and scope without layer numbers, in the order of their first ones.
  var groups: [Group] {
    var groups: [Group] = []
    var indices: [[String]: Int] = [:]
    for row in rows {
      let scope = ScopeName.withoutLayer(row.launch.scope)
      let key = [row.launch.kernel, row.launch.problem, scope]
      let index = indices[key] ?? groups.count
      if index == groups.count {
        groups.append(Group(launch: row.launch, scope: scope))
        indices[key] = index
      }
      groups[index].count += 1
      groups[index].cost = groups[index].cost + row.cost
      groups[index].floor += row.floor
      if let measured = row.measured { groups[index].measured = (groups[index].measured ?? 0) + measured }
    }
    return groups
  }
}

/// Names of a model's parts.
package enum ScopeName {
  /// "model.layers.3.mlp" is "model.layers.*.mlp".
  package static func withoutLayer(_ scope: String) -> String {
    scope.split(separator: ".", omittingEmptySubsequences: false)
      .map { Int($0) == nil ? String($0) : "*" }.joined(separator: ".")
  }

  /// The layer of "model.layers.3.mlp", 3; nil for what belongs to none.
  package static func layer(_ scope: String) -> Int? {
    scope.split(separator: ".").lazy.compactMap { Int($0) }.first
  }
}

extension Cost.Evaluated {
  /// Nothing read, written or computed.
  static var none: Cost.Evaluated { Cost().evaluated(for: StepProfile([])) }
}
