import NeedletailGraph
import NeedletailKernels

/// Gives intermediate values places in one block of memory, so that values that are alive at the same time do not
/// overlap.
///
/// Largest values first, each at the lowest free place (greedy by size; Pisarchyk and Lee 2020). Sizes are those of the
/// variant's largest step, so that offsets never depend on a step.
///
/// A value is alive from the first launch that refers to it to the last one, both included: what a launch writes never
/// shares memory with what it reads. Launches of a GPU that start early wait for the one ahead of them before they touch
/// memory that is planned here, so that their order is all that counts.
struct MemoryPlan {
  /// What is placed.
  struct Value {
    var type: TensorType
    /// What it is: "linear model.layers.0.mlp".
    var name: String
  }

  // By the number that launches refer to them by.
  private let values: [Value]
  private let launches: [Launch]
  private let counts: StepCounts
  private static let alignment = 256

  /// A plan for the values of a graph, and scratch memory whose numbers follow theirs.
  init(_ graph: Graph, scratch: [Value] = [], launches: [Launch], counts: StepCounts) {
    var values = graph.types.map { Value(type: $0, name: "") }
    for node in graph.nodes {
      for result in node.results { values[result.index].name = "\(node.op.mnemonic) \(node.scope)" }
    }
    self.values = values + scratch
    self.launches = launches
    self.counts = counts
  }

  /// The launches with their places, and the memory map.
  func variant(maximumTokens: Int) -> PlanVariant {
    let placements = assigned(lifetimes())
    let offsets = Dictionary(uniqueKeysWithValues: placements.map { ($0.key, $0.placement.offset) })
    let placed = launches.map { launch in
      launch.mapReferences { reference in
        guard case .value(let index) = reference.buffer, let offset = offsets[index] else { return reference }
        return BufferReference(.activations, offset: offset + reference.offset)
      }
    }
    let end = placements.map { $0.placement.offset + $0.placement.bytes }.max() ?? 0
    return PlanVariant(
      maximumTokens: maximumTokens, launches: placed, activationBytes: aligned(end),
      placements: placements.map(\.placement).sorted { ($0.firstLaunch, $0.offset) < ($1.firstLaunch, $1.offset) })
  }

  private typealias Keyed = (key: Int, placement: Placement)

  private func aligned(_ bytes: Int) -> Int { (bytes + Self.alignment - 1) / Self.alignment * Self.alignment }

  /// From the first launch that refers to a value to the last one.
  private func lifetimes() -> [Keyed] {
    var lifetimes: [Int: ClosedRange<Int>] = [:]
    for (index, launch) in launches.enumerated() {
      for case .value(let value) in launch.references.map(\.buffer) {
        lifetimes[value] = (lifetimes[value]?.lowerBound ?? index)...index
      }
    }
    return lifetimes.map { index, lifetime in
      let value = values[index]
      return (
        index,
        Placement(
          name: "%\(index) \(value.name)", type: value.type, offset: 0, bytes: aligned(value.type.bytes(in: counts)),
          firstLaunch: lifetime.lowerBound, lastLaunch: lifetime.upperBound)
      )
    }
  }

  private func assigned(_ values: [Keyed]) -> [Keyed] {
    var placed: [Keyed] = []
    // Equal sizes in order of their first launch: the result must not depend on a dictionary's order.
    let ordered = values.sorted {
      ($1.placement.bytes, $0.placement.firstLaunch, $0.key) < ($0.placement.bytes, $1.placement.firstLaunch, $1.key)
    }
    for var value in ordered {
      let alive = placed.map(\.placement).filter {
        $0.firstLaunch <= value.placement.lastLaunch && value.placement.firstLaunch <= $0.lastLaunch
      }
      var offset = 0
      for other in alive.sorted(by: { $0.offset < $1.offset }) {
        if offset + value.placement.bytes <= other.offset { break }
        offset = max(offset, other.offset + other.bytes)
      }
      value.placement.offset = offset
      placed.append(value)
    }
    return placed
  }
}
