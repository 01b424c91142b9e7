import NeedletailGraph
import NeedletailKernels

/// Turns a rewritten graph into the launches of one variant of a plan.
///
/// Weights, constants and caches are the plan's, shared by its variants; activation memory is the variant's.
struct Lowering {
  var plan: Plan
  let catalog: any KernelCatalog
  private let graph: Graph
  private let uses: [Graph.Value: [Int]]
  // What kernels write to outputs: an output may be a reshape, which is another name of the value it reshapes.
  private let outputs: [Graph.Value: String]
  private var weightIndices: [PlannedWeight: Int]
  private var places: [Graph.Value: LoweredNode.Operand] = [:]
  // What nodes' own launches want besides their operands; numbered behind the graph's values.
  private var scratch: [MemoryPlan.Value] = []
  private let maximumTokens: Int
  private let counts: StepCounts

  /// A lowering for steps of up to `maximumTokens` tokens.
  init(_ graph: Graph, into plan: Plan, catalog: any KernelCatalog, maximumTokens: Int) {
    self.graph = graph
    self.plan = plan
    self.catalog = catalog
    self.maximumTokens = maximumTokens
    var counts = plan.limits.counts
    counts.tokens = min(counts.tokens, maximumTokens)
    counts.sequences = min(counts.sequences, maximumTokens)
    counts.scoredRows = min(counts.scoredRows, maximumTokens)
    counts.decodes = counts.sequences
    self.counts = counts
    uses = graph.uses()
    let definitions = graph.definitions()
    outputs = Dictionary(
      graph.outputs.map { output in
        var value = output.value
        while let index = definitions[value], case .reshape = graph.nodes[index].op {
          value = graph.nodes[index].inputs[0]
        }
        return (value, output.name)
      }, uniquingKeysWith: { first, _ in first })
    weightIndices = Dictionary(uniqueKeysWithValues: plan.weights.enumerated().map { ($1, $0) })
  }

  /// Chooses kernels, then plans memory.
  mutating func lower() throws -> PlanVariant {
    var launches: [Launch] = []
    try declareCaches()
    try declareOutputs()
    for node in graph.nodes {
      try place(node)
      launches += try lower(node)
    }
    for output in graph.outputs { launches += try copy(output) }
    return MemoryPlan(graph, scratch: scratch, launches: launches, counts: counts)
      .variant(maximumTokens: maximumTokens)
  }

  private mutating func declareOutputs() throws {
    for output in graph.outputs {
      let type = NamedType(output.name, graph[output.value])
      if !plan.outputs.contains(type) { plan.outputs.append(type) }
    }
  }

  // Kernels write outputs directly; what cannot be written so (a second name of a value, an input) is copied.
  private func copy(_ output: Graph.Output) throws -> [Launch] {
    let target = BufferReference(.output(output.name))
    guard var place = places[output.value], place.reference != target else { return [] }
    guard place.weight?.layout != .panels else {
      throw CatalogError("output \(output.name) is a weight that is prepared for products")
    }
    // Rows have a width, if it is 1.
    if place.type.shape.last?.fixed == nil { place.type.shape.append(1) }
    return try catalog.launches(
      for: LoweredNode(
        op: .cast(place.type.dtype), scope: output.name, inputs: [place],
        results: [.init(type: place.type, reference: target)], limits: plan.limits, maximum: counts, cache: nil,
        constant: { _ in target }))
  }

  private mutating func declareCaches() throws {
    for node in graph.nodes {
      var layer: (index: Int, cache: CacheLayer)
      switch node.op {
      case .ropeCacheWrite(let write), .cachedAttention(let write, _):
        layer = (
          write.layer,
          CacheLayer(kvHeads: write.kvHeads, keyDim: write.headDim, valueDim: write.valueDim, dtype: cacheType)
        )
      case .attention(let attention):
        let k = graph[node.inputs[1]]
        guard let kvHeads = k.shape[1].fixed else { throw GraphError("attention over \(k)") }
        let valueDim = attention.valuesFromKeys == nil ? graph[node.inputs[2]].width : 0
        layer = (
          attention.layer, CacheLayer(kvHeads: kvHeads, keyDim: k.width, valueDim: valueDim, dtype: cacheType)
        )
      default: continue
      }
      layer.cache.scales = cacheScales[layer.index] ?? CacheScales()
      guard layer.index <= plan.caches.count else {
        throw GraphError("layer \(layer.index) of \(node.scope) is out of order: layers are numbered from 0")
      }
      if layer.index == plan.caches.count { plan.caches.append(layer.cache) }
      guard plan.caches[layer.index] == layer.cache else {
        throw GraphError("layer \(layer.index) of \(node.scope) does not fit its cache")
      }
    }
  }

  /// The storage of caches, which the compiler sets before it lowers.
  var cacheType = DType.float32
  /// What keys and values of a layer are divided by before they become fp8; 1 where nothing is said.
  var cacheScales: [Int: CacheScales] = [:]

  /// Decides where the results of a node lie.
  private mutating func place(_ node: Graph.Node) throws {
    for result in node.results {
      let type = graph[result]
      switch node.op {
      case .input(let name):
        let buffer: Buffer = StepInput(rawValue: name).map { .step($0) } ?? .input(name)
        let input = NamedType(name, type)
        if case .input = buffer, !plan.inputs.contains(input) { plan.inputs.append(input) }
        places[result] = .init(type: type, reference: BufferReference(buffer))
      case .weight(let weight):
        let index = planned(weight, dtype: type.dtype, readers: uses[result] ?? [])
        places[result] = .init(
          type: type, reference: BufferReference(.weight(index)), weight: plan.weights[index])
      case .reshape:
        guard let source = places[node.inputs[0]] else { throw GraphError("reshape of nothing") }
        places[result] = .init(type: type, reference: source.reference)
      default:
        let buffer: Buffer = outputs[result].map { .output($0) } ?? .value(result.index)
        places[result] = .init(type: type, reference: BufferReference(buffer))
      }
    }
  }

  private mutating func planned(_ weight: Weight, dtype: DType, readers: [Int]) -> Int {
    let ops = readers.filter { $0 < graph.nodes.count }.map { graph.nodes[$0].op }
    let layout = catalog.layout(of: weight, dtype: dtype, readBy: ops)
    let planned = PlannedWeight(
      weight: weight, dtype: dtype, layout: layout,
      byteCount: catalog.byteCount(of: weight, dtype: dtype, layout: layout))
    if let index = weightIndices[planned] { return index }
    weightIndices[planned] = plan.weights.count
    plan.weights.append(planned)
    return plan.weights.count - 1
  }

  private mutating func lower(_ node: Graph.Node) throws -> [Launch] {
    var constants = plan.constants
    var scratch = scratch
    let valueCount = graph.types.count
    func operand(_ value: Graph.Value) throws(GraphError) -> LoweredNode.Operand {
      guard let place = places[value] else { throw GraphError("%\(value.index) has no place") }
      return place
    }
    let lowered = LoweredNode(
      op: node.op, scope: node.scope, inputs: try node.inputs.map(operand), results: try node.results.map(operand),
      limits: plan.limits, maximum: counts, cache: layer(of: node).map { plan.caches[$0] },
      constant: { values in
        let index = constants.firstIndex(of: values) ?? constants.count
        if index == constants.count { constants.append(values) }
        return BufferReference(.constant(index))
      },
      scratch: { type, name in
        scratch.append(.init(type: type, name: "\(name) \(node.scope)"))
        return BufferReference(.value(valueCount + scratch.count - 1))
      })
    let launches = try catalog.launches(for: lowered)
    plan.constants = constants
    self.scratch = scratch
    return launches
  }

  private func layer(of node: Graph.Node) -> Int? {
    switch node.op {
    case .ropeCacheWrite(let write), .cachedAttention(let write, _): write.layer
    case .attention(let attention), .pagedAttention(let attention, _, _): attention.layer
    default: nil
    }
  }
}
