import NeedletailGraph

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Graph {
  /// What the graph computes, node by node and in double precision, for one sequence from position 0 on, all of whose
  /// rows are scored: the meaning of every operation, in a line or few each.
  ///
  /// - Parameters:
  ///   - inputs: by name; `positions` and `scoredRows` need not be given.
  ///   - weights: the tensors of the checkpoint by name.
  public func reference(
    _ inputs: [String: ReferenceTensor] = [:], weights: [String: ReferenceTensor] = [:]
  ) throws -> [String: ReferenceTensor] {
    var evaluation = GraphEvaluation(graph: self, inputs: inputs, weights: weights)
    for node in nodes { try evaluation.evaluate(node) }
    return try Dictionary(uniqueKeysWithValues: outputs.map { ($0.name, try evaluation.value($0.value)) })
  }
}

private struct GraphEvaluation {
  let graph: Graph
  let inputs: [String: ReferenceTensor]
  let weights: [String: ReferenceTensor]
  private var values: [Graph.Value: ReferenceTensor] = [:]
  private var caches: [Int: (k: ReferenceTensor, v: ReferenceTensor)] = [:]
  private let counts: StepCounts

  init(graph: Graph, inputs: [String: ReferenceTensor], weights: [String: ReferenceTensor]) {
    self.graph = graph
    self.inputs = inputs
    self.weights = weights
    var tokens = 1
    for node in graph.nodes {
      guard case .input(let name) = node.op, let given = inputs[name] else { continue }
      if let dim = graph[node.results[0]].shape.first, dim.unit == .tokens { tokens = given.shape[0] / dim.count }
    }
    counts = StepCounts(tokens: tokens, sequences: 1, scoredRows: tokens)
  }

  func value(_ value: Graph.Value) throws -> ReferenceTensor {
    guard let found = values[value] else { throw GraphError("%\(value.index) was not computed") }
    return found
  }

  private func shape(_ value: Graph.Value) -> [Int] { graph[value].shape.map { $0.value(in: counts) } }

  mutating func evaluate(_ node: Graph.Node) throws {
    if case .ropeCacheWrite(let write) = node.op {
      values[node.results[0]] = self.write(try node.inputs.map(value), write)
      return
    }
    let operands = try node.inputs.filter { !graph[$0].isState }.map(value)
    if case .route(let routing) = node.op {
      let (experts, weights) = Reference.routed(
        operands[0].elements, experts: operands[0].width, routing,
        bias: operands.count > 1 ? operands[1].elements : nil)
      values[node.results[0]] = ReferenceTensor(shape(node.results[0]), experts.map(Double.init))
      values[node.results[1]] = ReferenceTensor(shape(node.results[1]), weights)
      return
    }
    if case .addNorm(let norm) = node.op {
      let sum = Reference.binary(operands[0].elements, operands[1].elements, .add)
      values[node.results[0]] = ReferenceTensor(operands[0].shape, sum)
      values[node.results[1]] = ReferenceTensor(
        operands[0].shape, normalized(sum, norm, Array(operands.dropFirst(2)), width: operands[0].width))
      return
    }
    values[node.results[0]] = ReferenceTensor(shape(node.results[0]), try elements(node, operands))
  }

  private func normalized(_ x: [Double], _ norm: Norm, _ vectors: [ReferenceTensor], width: Int) -> [Double] {
    Reference.norm(
      x, width: width, norm, weight: vectors.first?.elements, bias: vectors.count > 1 ? vectors[1].elements : nil)
  }

  private mutating func elements(_ node: Graph.Node, _ operands: [ReferenceTensor]) throws -> [Double] {
    switch node.op {
    case .input(let name):
      if let given = inputs[name] { return given.elements }
      guard [.positions, .scoredRows].contains(StepInput(rawValue: name)) else {
        throw GraphError("input \(name) is not given")
      }
      return (0..<counts.tokens).map(Double.init)
    case .weight(let weight): return try weight.parts.flatMap { try part($0) }
    case .embed(let scale):
      return Reference.gatherRows(
        operands[0].elements, width: operands[0].width, operands[1].elements.map { Int($0) }, scale: Double(scale))
    case .linear:
      let (x, w) = (operands[0], operands[1])
      let rows = x.elements.count / x.width
      let bias = operands.count > 2 ? operands[2].elements : nil
      return Reference.matmul(x.elements, w.elements, rows: rows, n: w.shape[0], k: x.width, bias: bias)
    case .binary(let operation): return Reference.binary(operands[0].elements, operands[1].elements, operation)
    case .activation(let function): return operands[0].elements.map { Reference.activation($0, function) }
    case .scale(let factor, let offset): return operands[0].elements.map { $0 * Double(factor) + Double(offset) }
    case .softcap(let cap): return operands[0].elements.map { Reference.softcap($0, Double(cap)) }
    case .clamp(let low, let high): return operands[0].elements.map { min(max($0, Double(low)), Double(high)) }
    case .norm(let norm):
      return normalized(operands[0].elements, norm, Array(operands.dropFirst()), width: operands[0].width)
    case .reshape, .cast, .scoredRows: return operands[0].elements
    case .slice(let start, let count):
      let (x, width) = (operands[0].elements, operands[0].width)
      let starts = stride(from: start, to: x.count, by: width)
      return starts.flatMap { x[$0..<$0 + count] }
    case .ropeTable(let spec):
      return Reference.ropeTable(
        operands[0].elements.map { Int($0) }, spec.inverseFrequencies, scale: spec.attentionFactor)
    case .rope(let interleaved): return rotated(operands[0], operands[1], interleaved)
    case .attention(let attention):
      let count = attention.valuesFromKeys == nil ? 3 : 2
      caches[attention.layer] = (operands[1], operands[count - 1])
      return attend(operands[0], attention, sinks: operands.count > count ? operands[count] : nil)
    case .concatenate: return Reference.concatenated(operands[0].elements, operands[1].elements, operands.map(\.width))
    case .headLinear(let isTransposed):
      let (x, w) = (operands[0], operands[1])
      return Reference.headLinear(
        x.elements, w.elements, heads: x.shape[1], k: x.width, isTransposed: isTransposed)
    case .gatedActivation(let function):
      return Reference.gatedActivation(operands[0].elements, width: operands[0].width / 2, function)
    case .pagedAttention(let attention, _, _):
      return attend(operands[0], attention, sinks: operands.count > 1 ? operands[1] : nil)
    case .product(let product):
      guard let operands = ProductOperands(operands, of: product) else { throw GraphError("operands of a product") }
      return self.product(product, operands)
    case .cachedAttention(let write, let attention):
      let sinks = operands.last.flatMap { $0.shape.count == 1 ? $0 : nil }
      let query = self.write(sinks == nil ? operands : operands.dropLast(), write)
      return attend(query, attention, sinks: sinks)
    case .positionScale(let scale):
      let width = operands[0].elements.count / max(counts.tokens, 1)
      let factors = operands[1].elements.map { Reference.factor(of: scale, at: Int($0)) }
      return operands[0].elements.indices.map { operands[0].elements[$0] * factors[$0 / width] }
    case .experts(let experts):
      guard let named = ExpertsOperands(operands) else { throw GraphError("operands of experts") }
      return Reference.mixed(named.x, named, experts)
    case .addNorm, .ropeCacheWrite, .route: preconditionFailure("has two results")
    }
  }

  private func rotated(_ x: ReferenceTensor, _ table: ReferenceTensor, _ interleaved: Bool) -> [Double] {
    Reference.rotated(
      x.elements, heads: x.shape[1], headDim: x.width, table: table.elements, rotaryDim: table.width,
      interleaved: interleaved)
  }

  private func attend(_ q: ReferenceTensor, _ attention: Attention, sinks: ReferenceTensor?) -> [Double] {
    guard case (let k, var v)? = caches[attention.layer] else { return [] }
    if let width = attention.valuesFromKeys {
      let starts = stride(from: 0, to: k.elements.count, by: k.width)
      v = ReferenceTensor(k.shape.dropLast() + [width], starts.flatMap { k.elements[$0..<$0 + width] })
    }
    let shape = Reference.AttentionShape(
      heads: q.shape[1], kvHeads: k.shape[1], headDim: q.width, valueDim: v.width)
    return Reference.attention(q.elements, k.elements, v.elements, shape, attention, sinks: sinks?.elements)
  }

  private func product(_ product: Product, _ operands: ProductOperands<ReferenceTensor>) -> [Double] {
    let (width, n) = (operands.x.width, operands.weight.shape[0])
    var x = operands.x.elements
    if let norm = product.norm {
      x = Reference.norm(
        x, width: width, norm, weight: operands.normWeight?.elements, bias: operands.normBias?.elements)
    }
    if let rows = operands.rows { x = Reference.gatherRows(x, width: width, rows.elements.map { Int($0) }) }
    var out = Reference.matmul(
      x, operands.weight.elements, rows: x.count / width, n: n, k: width, bias: operands.bias?.elements)
    if let gate = product.gate { out = Reference.gatedActivation(out, width: n / 2, gate) }
    return operands.residual.map { Reference.binary(out, $0.elements, .add) } ?? out
  }

  /// Keeps keys and values; gives the rotated queries.
  private mutating func write(_ inputs: [ReferenceTensor], _ write: RopeCacheWrite) -> ReferenceTensor {
    var operands = inputs
    var sizes = [(write.heads, write.headDim), (write.kvHeads, write.headDim)]
    if write.valueDim > 0 { sizes.append((write.kvHeads, write.valueDim)) }
    if operands[0].shape.count == 2 {
      let merged = operands.removeFirst()
      var start = 0
      let parts = sizes.map { heads, size in
        defer { start += heads * size }
        var rows: [Double] = []
        for token in 0..<counts.tokens {
          let first = token * merged.width + start
          rows += merged.elements[first..<first + heads * size]
        }
        return ReferenceTensor([counts.tokens, heads, size], rows)
      }
      operands = parts + operands
    }
    if operands.count > sizes.count, let table = operands.last {
      for index in 0..<2 { operands[index].elements = rotated(operands[index], table, write.interleaved) }
    }
    caches[write.layer] = (operands[1], operands[sizes.count - 1])
    return operands[0]
  }

  private func part(_ part: Weight.Part) throws -> [Double] {
    guard let tensor = weights[part.name] else { throw GraphError("the weight \(part.name) is not given") }
    let (whole, width) = (part.storedShape, part.storedWidth)
    let start = part.firstStoredRow * width
    let columnCount = whole.count == 1 ? 1 : part.transposed ? whole[0] : width
    let columns = whole.count == 1 ? 0..<1 : part.columns ?? 0..<columnCount
    return part.rowRuns(0..<part.resultShape[0]).flatMap(\.source).flatMap { row in
      let numbers = columns.map {
        tensor.elements[start + (part.transposed ? $0 * width + row : row * columnCount + $0)]
      }
      guard part.hasUnitRows else { return numbers }
      let length = max(numbers.reduce(0) { $0 + $1 * $1 }.squareRoot(), 1e-12)
      return numbers.map { $0 / length }
    }
  }
}
