import CNeedletailKernels
import NeedletailGraph

extension CUDACatalog {
  /// A product with what it takes in: one launch of `product` for few rows, if it does the shape, else one of `matmul`,
  /// which takes in all but the norm and the choice of rows.
  func product(_ node: LoweredNode, _ product: Product) throws(CatalogError) -> [Launch] {
    guard let operands = ProductOperands(node.inputs, of: product), operands.weight.weight != nil else {
      throw CatalogError("a GPU multiplies with weights only, not with computed values")
    }
    let call = ProductCall(node: node, product: product, operands: operands, out: node.results[0])
    if let planned = operands.weight.weight, planned.weight.recipe != nil { return try float8(call, planned) }
    if let launch = skinny(call) { return [launch] }
    return try inParts(call)
  }

  /// A product with the places of its operands and of its result.
  struct ProductCall {
    let node: LoweredNode
    var product: Product
    var operands: ProductOperands<LoweredNode.Operand>
    var out: LoweredNode.Operand

    var rows: Dim { out.type.rows }
    var maximumRows: Int { rows.value(in: node.maximum) }
  }

  func problem(_ call: ProductCall) -> ProductProblem {
    let (product, operands) = (call.product, call.operands)
    var problem = ProductProblem(
      rows: call.rows, maximumRows: call.maximumRows, n: operands.weight.type.shape[0].count,
      k: operands.weight.type.width, x: operands.x.type.dtype, weight: operands.weight.type.dtype,
      out: call.out.type.dtype)
    problem.norm = product.norm?.kind
    problem.gate = product.gate
    problem.hasBias = product.hasBias
    problem.hasResidual = product.hasResidual
    problem.gathersRows = product.choosesRows
    problem.isDeterministic = isDeterministic
    return problem
  }

  /// All of it in one launch that streams the weight; nil where there are more rows, the kernel does not do it, or every
  /// number of rows must give the same bits.
  private func skinny(_ call: ProductCall) -> Launch? {
    guard !isDeterministic, call.maximumRows <= Self.skinnyRows else { return nil }
    let (problem, operands) = (problem(call), call.operands)
    guard let shape = problem.skinnyLaunch(on: gpu, weight: operands.weight.reference, x: operands.x.reference)
    else { return nil }
    var builder = ArgumentBuilder(nt_product_arguments())
    builder.bind(\.x, operands.x.reference)
    builder.bind(\.row_indices, operands.rows?.reference)
    builder.bind(\.w, operands.weight.reference)
    builder.bind(\.norm_weight, operands.normWeight?.reference)
    builder.bind(\.norm_bias, operands.normBias?.reference)
    builder.bind(\.bias, operands.bias?.reference)
    builder.bind(\.residual, operands.residual?.reference)
    builder.bind(\.out, call.out.reference)
    builder.count(\.rows, problem.rows)
    builder.arguments.x_stride = Int64(problem.k)
    builder.arguments.out_stride = Int64(problem.width)
    builder.arguments.n = Int32(problem.n)
    builder.arguments.k = Int32(problem.k)
    builder.arguments.eps = call.product.norm?.eps ?? 0
    builder.arguments.weight_offset = call.product.norm?.weightOffset ?? 0
    var cost = problem.cost
    cost.weightBytes += [operands.normWeight, operands.normBias].count { $0 != nil } * problem.k * 4
    return shaped(
      Launch(
        kernel: "product", scope: call.node.scope, problem: problem.description, arguments: builder.block, cost: cost),
      shape)
  }

  /// The rows chosen, normalized and converted by a launch each, as far as they are wanted; then the product, and the gate
  /// after it where that is faster.
  private func inParts(_ call: ProductCall) throws(CatalogError) -> [Launch] {
    var launches: [Launch] = []
    var call = call
    func scratch(_ dtype: DType, _ width: Int, _ name: String) -> LoweredNode.Operand {
      let type = TensorType(dtype, call.out.type.shape.dropLast() + [.fixed(width)])
      return LoweredNode.Operand(type: type, reference: call.node.scratch(type, name))
    }
    func part(_ op: Op, _ inputs: [LoweredNode.Operand?], _ out: LoweredNode.Operand) throws(CatalogError) {
      var node = call.node
      (node.op, node.inputs, node.results) = (op, inputs.compactMap { $0 }, [out])
      launches += try self.launches(for: node)
    }
    if call.product.choosesRows {
      let chosen = scratch(call.operands.x.type.dtype, call.operands.x.type.width, "chosen rows")
      try part(.scoredRows, [call.operands.x], chosen)
      (call.operands.x, call.operands.rows, call.product.choosesRows) = (chosen, nil, false)
    }
    if let norm = call.product.norm {
      let normalized = scratch(call.operands.weight.type.dtype, call.operands.x.type.width, "normalized rows")
      try part(.norm(norm), [call.operands.x, call.operands.normWeight, call.operands.normBias], normalized)
      call.operands.x = normalized
      (call.operands.normWeight, call.operands.normBias, call.product.norm) = (nil, nil, nil)
      (call.product.hasNormWeight, call.product.hasNormBias) = (false, false)
    }
    let stored = call.operands.weight.type.dtype
    if stored.byteCount == 2, call.operands.x.type.dtype != stored {
      let converted = scratch(stored, call.operands.x.type.width, "converted rows")
      try part(.cast(stored), [call.operands.x], converted)
      call.operands.x = converted
    }
    guard let gate = call.product.gate, !prefersFusedGate(call) else { return launches + [skinny(call) ?? large(call)] }
    let both = scratch(call.operands.weight.type.dtype, call.operands.weight.type.shape[0].count, "gates and values")
    let out = call.out
    (call.product.gate, call.out) = (nil, both)
    launches.append(skinny(call) ?? large(call))
    try part(.gatedActivation(gate), [both], out)
    return launches
  }

  private func prefersFusedGate(_ call: ProductCall) -> Bool {
    let weight = call.operands.weight.type
    return call.product.hasResidual
      || ProductProblem.prefersFusedGate(
        n: weight.shape[0].count, k: weight.width, maximumRows: call.maximumRows, weight: weight.dtype, on: gpu,
        librariesAllowed: allowsLibraries && !call.product.hasBias)
  }

  /// A product of any number of rows, perhaps with a gate, a bias and a residual.
  private func large(_ call: ProductCall) -> Launch {
    let (problem, operands) = (problem(call), call.operands)
    var builder = ArgumentBuilder(nt_matmul_arguments())
    builder.bind(\.x, operands.x.reference)
    builder.bind(\.w, operands.weight.reference)
    builder.bind(\.bias, operands.bias?.reference)
    builder.bind(\.residual, operands.residual?.reference)
    builder.bind(\.out, call.out.reference)
    builder.bind(\.counters, BufferReference(.counters))
    builder.count(\.rows, problem.rows)
    builder.arguments.x_stride = Int64(problem.k)
    builder.arguments.out_stride = Int64(problem.width)
    builder.arguments.n = Int32(problem.n)
    builder.arguments.k = Int32(problem.k)
    builder.arguments.x_dtype = problem.x.rawValue
    builder.arguments.w_dtype = problem.weight.rawValue
    builder.arguments.out_dtype = problem.out.rawValue
    var launch = Launch(
      kernel: "matmul", scope: call.node.scope, problem: problem.description, arguments: builder.block,
      cost: problem.cost)
    launch.product = problem
    let choice = problem.largeLaunch(
      on: gpu, x: operands.x.reference, weight: operands.weight.reference,
      librariesAllowed: allowsLibraries)
    switch choice {
    case .kernel(let shape): return shaped(launch, shape)
    case .library(let library):
      launch.library = library
      return launch
    }
  }
}
