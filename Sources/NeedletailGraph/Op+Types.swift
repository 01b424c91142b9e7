extension Op {
  /// The types of the results for operands of these types. Storage types of results follow the first operand; passes may
  /// choose others. `declared` is read where an operation does not determine its type (inputs).
  public func resultTypes(_ inputs: [TensorType], declared: [TensorType] = []) throws(GraphError) -> [TensorType] {
    func need(_ counts: ClosedRange<Int>) throws(GraphError) {
      guard counts ~= inputs.count else { throw GraphError("has \(inputs.count) operands") }
    }
    func require(_ condition: Bool) throws(GraphError) {
      guard condition else { throw GraphError("does not fit \(inputs.map(\.description).joined(separator: ", "))") }
    }
    func width(_ type: TensorType) throws(GraphError) -> Int {
      guard let width = type.shape.last?.fixed else {
        throw GraphError("needs a number as last dimension, not \(type)")
      }
      return width
    }
    switch self {
    case .input:
      try need(0...0)
      guard declared.count == 1 else { throw GraphError("needs one declared type") }
      return declared
    case .weight(let weight):
      try need(0...0)
      for part in weight.parts {
        if let fault = part.fault { throw GraphError("\(part.name) \(fault)") }
      }
      guard let recipe = weight.recipe else { return [TensorType(.real, weight.shape.map(Dim.fixed))] }
      guard weight.shape.count == 2 else { throw GraphError("\(weight) is coded, but no matrix") }
      if let fault = recipe.fault(n: weight.shape[0], k: weight.shape[1]) { throw GraphError("\(weight) \(fault)") }
      return [TensorType(recipe.weight.dtype, weight.shape.map(Dim.fixed))]
    case .embed:
      try need(2...2)
      try require(inputs[0].shape.count == 2 && inputs[1].shape.count == 1 && !inputs[1].dtype.isReal)
      let isCoded = [.int8, .uint4].contains(inputs[0].dtype)
      return [TensorType(isCoded ? .real : inputs[0].dtype, [inputs[1].shape[0], inputs[0].shape[1]])]
    case .linear:
      try need(2...3)
      try require(
        inputs[0].shape.count >= 2 && inputs[1].shape.count == 2 && inputs[0].shape.last == inputs[1].shape[1])
      if inputs.count == 3 { try require(inputs[2].shape == [inputs[1].shape[0]]) }
      return [TensorType(inputs[0].dtype, inputs[0].shape.dropLast() + [inputs[1].shape[0]])]
    case .binary:
      try need(2...2)
      try require(
        !inputs[0].isState && (inputs[0].shape == inputs[1].shape || inputs[1].shape == [inputs[0].shape.last]))
      return [inputs[0]]
    case .activation, .scale, .softcap, .clamp:
      try need(1...1)
      try require(!inputs[0].isState)
      return [inputs[0]]
    case .norm:
      try need(1...3)
      try require(!inputs[0].isState)
      for parameter in inputs.dropFirst() { try require(parameter.shape == [inputs[0].shape.last]) }
      return [inputs[0]]
    case .reshape(let shape):
      try need(1...1)
      let result = TensorType(inputs[0].dtype, shape)
      try require(!shape.isEmpty && result.elements == inputs[0].elements)
      return [result]
    case .slice(let start, let count):
      try need(1...1)
      guard let width = inputs[0].shape.last?.fixed, start >= 0, count > 0, start + count <= width else {
        throw GraphError("cuts \(start)..<\(start + count) out of \(inputs[0])")
      }
      return [TensorType(inputs[0].dtype, inputs[0].shape.dropLast() + [.fixed(count)])]
    case .ropeTable(let spec):
      try need(1...1)
      try require(inputs[0].shape.count == 1 && !inputs[0].dtype.isReal)
      return [TensorType(.real, [inputs[0].shape[0], .fixed(spec.dimensions)])]
    case .rope:
      try need(2...2)
      try require(inputs[0].shape.count == 3 && inputs[1].shape.count == 2 && inputs[0].shape[0] == inputs[1].shape[0])
      try require(try width(inputs[1]) <= width(inputs[0]))
      return [inputs[0]]
    case .concatenate: return [try Self.concatenatedType(inputs)]
    case .headLinear(let isTransposed): return [try Self.headLinearType(inputs, isTransposed: isTransposed)]
    case .attention(let attention): return [try attention.resultType(inputs)]
    case .positionScale:
      try need(2...2)
      try require(inputs[0].shape.count == 3 && inputs[0].shape[0] == .tokens && inputs[1].shape == [.tokens])
      try require(!inputs[1].dtype.isReal)
      return [inputs[0]]
    case .route(let routing): return try routing.resultTypes(inputs)
    case .experts(let experts): return [try experts.resultType(inputs)]
    case .scoredRows:
      try need(1...1)
      try require(inputs[0].shape.first == .tokens)
      return [TensorType(inputs[0].dtype, [.scoredRows] + inputs[0].shape.dropFirst())]
    case .cast(let dtype):
      try need(1...1)
      return [TensorType(dtype, inputs[0].shape)]
    case .addNorm:
      try need(2...4)
      try require(inputs[0].shape == inputs[1].shape)
      for parameter in inputs.dropFirst(2) { try require(parameter.shape == [inputs[0].shape.last]) }
      return [inputs[0], inputs[0]]
    case .gatedActivation:
      try need(1...1)
      let both = try width(inputs[0])
      try require(both % 2 == 0)
      return [TensorType(inputs[0].dtype, inputs[0].shape.dropLast() + [.fixed(both / 2)])]
    case .ropeCacheWrite(let write):
      try need(1...4)
      guard let types = CachedAttentionOperands(inputs, shape: \.shape), types.sinks == nil else {
        throw GraphError("has \(inputs.count) operands")
      }
      try write.check(types.qkv, types.kv)
      return [TensorType(inputs[0].dtype, [.tokens, .fixed(write.heads), .fixed(write.headDim)]), .state]
    case .pagedAttention(_, _, let valueDim):
      try need(2...3)
      try require(inputs[0].shape.count == 3 && inputs[1].isState)
      return [TensorType(inputs[0].dtype, [inputs[0].shape[0], inputs[0].shape[1], .fixed(valueDim)])]
    case .product(let product): return [try product.resultType(inputs)]
    case .cachedAttention(let write, let attention): return [try write.attentionType(inputs, attention)]
    }
  }
}
