import Needletail
import NeedletailCompiler
import NeedletailKernels

/// Everything that `inspect` knows of a model: its graphs, its plan, what launches cost.
struct Inspection {
  let compiled: CompiledModel
  /// The graph as recorded ("model") and after each pass.
  let graphs: [(pass: String, graph: Graph)]
  let rates: MachineRates
  var phases: [InspectionPhase]
  /// The name to show.
  let name: String
  /// What lies in the engine that was given; nil for models.
  let engine: EngineContents?

  init(
    name: String, package: ModelPackage, device: any Device, options: LoadOptions, batch: Int, context: Int,
    prefill: Int
  ) throws {
    var graphs: [(pass: String, graph: Graph)] = []
    compiled = try CompiledModel(package, on: device, options: options) { graphs.append(($0, $1)) }
    self.graphs = graphs
    self.name = name
    engine = try package.archive.map(EngineContents.init)
    let plan = compiled.plan
    let limits = plan.limits
    guard batch <= limits.sequences else {
      throw UsageError("--batch is \(batch), but a step has at most \(limits.sequences) sequences")
    }
    guard context <= limits.sequenceLength else {
      throw UsageError("--context is \(context), but a sequence has at most \(limits.sequenceLength) tokens")
    }
    rates = try MachineRates.of(device, threads: options.threads, dtype: compiled.precision.dtype)
    let rows = min(prefill, limits.tokens, limits.sequenceLength)
    phases = [
      InspectionPhase(
        name: "decode", title: "decode step, batch \(batch), context \(context)",
        profile: .decode(batch: batch, context: context), plan: plan, rates: rates),
      InspectionPhase(
        name: "prefill", title: "prefill step of \(rows) tokens",
        profile: StepProfile([.init(queries: rows, context: rows)]), plan: plan, rates: rates),
    ]
  }

  var plan: Plan { compiled.plan }

  /// Weights that are alike but for the layer: their names, how many, shape of one, storage, bytes of all.
  struct WeightGroup {
    let name: String
    let shape: [Int]
    let dtype: DType
    let layout: WeightLayout
    var count = 0
    var bytes = 0
  }

  var weightGroups: [WeightGroup] {
    var groups: [WeightGroup] = []
    var indices: [String: Int] = [:]
    for planned in plan.weights {
      let names = planned.weight.parts.map { ScopeName.withoutLayer($0.name) }
      let name = Self.joined(names)
      let key = "\(name) \(planned.weight.shape) \(planned.dtype) \(planned.layout)"
      let index = indices[key] ?? groups.count
      if index == groups.count {
        groups.append(
          WeightGroup(name: name, shape: planned.weight.shape, dtype: planned.dtype, layout: planned.layout))
        indices[key] = index
      }
      groups[index].count += 1
      groups[index].bytes += planned.byteCount
    }
    return groups
  }

  /// "a.q.weight", "a.k.weight" is "a.{q, k}.weight"; of many parts (experts) numbers are left out.
  private static func joined(_ all: [String]) -> String {
    var names: [String] = []
    for name in all {
      let components = name.split(separator: ".").map { all.count > 4 && Int($0) != nil ? "*" : String($0) }
      let name = components.joined(separator: ".")
      if !names.contains(name) { names.append(name) }
    }
    guard names.count > 1, let first = names.first else { return names.first ?? "" }
    let parts = names.map { $0.split(separator: ".") }
    let common = parts.map(\.count).min() ?? 0
    var front = 0
    while front < common, parts.allSatisfy({ $0[front] == parts[0][front] }) { front += 1 }
    var back = 0
    while back < common - front, parts.allSatisfy({ $0[$0.count - 1 - back] == parts[0][parts[0].count - 1 - back] }) {
      back += 1
    }
    let middles = parts.map { $0[front..<($0.count - back)].joined(separator: ".") }
    let start = first.split(separator: ".").prefix(front).map { $0 + "." }.joined()
    let end = first.split(separator: ".").suffix(back).map { "." + $0 }.joined()
    return "\(start){\(middles.joined(separator: ", "))}\(end)"
  }

  /// Bytes of the cache as it is allocated.
  var cacheBytes: Int { compiled.blockCount * plan.limits.blockSize * plan.cacheBytesPerToken }
}
