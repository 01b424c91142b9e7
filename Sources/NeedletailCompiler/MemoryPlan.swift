import NeedletailGraph
import NeedletailKernels

/// Gives intermediate values places in one block of memory, so that values that are alive at the same time do not
/// overlap.
///
/// Largest values first, each at the lowest free place (greedy by size; Pisarchyk and Lee 2020). Sizes are those of the
/// variant's largest step, so that offsets never depend on a step.
struct MemoryPlan {
  private let graph: Graph
  private let launches: [Launch]
  private let counts: StepCounts
  private static let alignment = 256

  init(_ graph: Graph, launches: [Launch], counts: StepCounts) {
    self.graph = graph
    self.launches = launches
    self.counts = counts
  }

  /// The launches with their places, and the memory map.
  func variant(maximumTokens: Int) -> PlanVariant {
    let placements = assigned(lifetimes())
    let offsets = Dictionary(uniqueKeysWithValues: placements.map { ($0.key, $0.placement.offset) })
    let placed = launches.map { launch in
      var launch = launch
      launch.arguments = launch.arguments.mapReferences { reference in
        guard case .value(let index) = reference.buffer, let offset = offsets[index] else { return reference }
        return BufferReference(.activations, offset: offset + reference.offset)
      }
      return launch
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
      for case .value(let value) in launch.arguments.references.map(\.buffer) {
        lifetimes[value] = (lifetimes[value]?.lowerBound ?? index)...index
      }
    }
    var scopes: [Int: String] = [:]
    for node in graph.nodes {
      for result in node.results { scopes[result.index] = "\(node.op.mnemonic) \(node.scope)" }
    }
    return lifetimes.map { value, lifetime in
      let type = graph.types[value]
      return (
        value,
        Placement(
          name: "%\(value) \(scopes[value] ?? "")", type: type, offset: 0, bytes: aligned(type.bytes(in: counts)),
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
