import CNeedletailKernels
import NeedletailGraph

extension CUDACatalog {
  /// Whether products by weights of this recipe run on fp8 matrix instructions here.
  func multipliesFloat8(_ recipe: LinearRecipe) -> Bool {
    guard gpu.isHopper, recipe.weight.code == .float8e4m3, let activation = recipe.activation,
      activation.code == .float8e4m3
    else { return false }
    switch (activation.scope, recipe.weight.groupSize, recipe.weight.rowsPerScale) {
    case (.tensor, nil, 1), (.token, nil, 1): return true
    case (.group(let size), let columns?, let rows):
      let group = Float8Problem.groupColumns
      return size == group && columns == group && rows == group
    default: return false
    }
  }

  /// A product by a weight in fp8 of activations in fp8. A row or two is normalized, coded and multiplied by one launch; more
  /// are coded by a launch of their own first.
  func float8(_ call: ProductCall, _ planned: PlannedWeight) throws(CatalogError) -> [Launch] {
    guard let recipe = planned.weight.recipe, let sections = planned.sections, multipliesFloat8(recipe) else {
      throw CatalogError("a product by \(planned.weight.recipe.map { "\($0)" } ?? "a weight without codes")")
    }
    let weight = Float8Weight(
      sections: sections, reference: call.operands.weight.reference, recipe: recipe)
    if !isDeterministic, !Float8Problem.prefersCodedRows(maximumRows: call.maximumRows),
      let launch = few(call, weight)
    {
      return [launch]
    }
    var (call, launches) = (call, [Launch]())
    if call.product.choosesRows {
      let type = TensorType(call.operands.x.type.dtype, [call.rows, .fixed(call.operands.x.type.width)])
      let chosen = LoweredNode.Operand(type: type, reference: call.node.scratch(type, "chosen rows"))
      var node = call.node
      (node.op, node.inputs, node.results) = (.scoredRows, [call.operands.x], [chosen])
      launches += try self.launches(for: node)
      (call.operands.x, call.operands.rows, call.product.choosesRows) = (chosen, nil, false)
    }
    let (coding, x, scales) = try coded(call, weight)
    launches.append(coding)
    (call.operands.x, call.operands.normWeight, call.operands.normBias) = (x, nil, nil)
    (call.product.norm, call.product.hasNormWeight, call.product.hasNormBias) = (nil, false, false)
    if !isDeterministic, let launch = few(call, weight, scales: scales) { return launches + [launch] }
    let problem = float8Problem(call, weight)
    guard let shape = problem.largeLaunch(on: gpu, x: x.reference, weight: weight.reference) else {
      throw CatalogError("\(problem.description): fp8 products have k that are multiples of 16, in groups of 128")
    }
    return launches + [shaped(launch(call, weight, problem, scales: scales), shape)]
  }

  /// A weight in fp8 and where its parts lie.
  private struct Float8Weight {
    let sections: CodedSections
    let reference: BufferReference
    let recipe: LinearRecipe

    var scales: Float8Problem.Scales {
      switch recipe.activation?.scope {
      case .tensor?: .tensor
      case .group?: .groups
      default: .rows
      }
    }
    var givenScale: BufferReference? { sections.activationScale.map { reference + $0 } }
    var inputScale: BufferReference? { sections.inputScale.map { reference + $0 } }
  }

  /// The 16-bit type that the activations of a product are rounded to.
  private func operand(of call: ProductCall) -> DType {
    [call.operands.x.type.dtype, call.out.type.dtype].first { $0.byteCount == 2 } ?? .bfloat16
  }

  private func float8Problem(_ call: ProductCall, _ weight: Float8Weight) -> Float8Problem {
    var product = problem(call)
    product.weight = .float8e4m3
    var problem = Float8Problem(product, operand: operand(of: call), scales: weight.scales)
    problem.hasInputScale = weight.inputScale != nil && !problem.isCoded
    return problem
  }

  /// All of it in one launch that streams the weight; nil where the kernels do not do it.
  private func few(_ call: ProductCall, _ weight: Float8Weight, scales: BufferReference? = nil) -> Launch? {
    let problem = float8Problem(call, weight)
    guard call.maximumRows <= Self.skinnyRows,
      let shape = problem.skinnyLaunch(on: gpu, weight: weight.reference, x: call.operands.x.reference)
    else { return nil }
    return shaped(launch(call, weight, problem, scales: scales ?? weight.givenScale), shape)
  }

  private func launch(
    _ call: ProductCall, _ weight: Float8Weight, _ problem: Float8Problem, scales: BufferReference?
  ) -> Launch {
    let (operands, product) = (call.operands, problem.product)
    var builder = ArgumentBuilder(nt_quantized_product_arguments())
    builder.bind(\.x, operands.x.reference)
    builder.bind(\.x_scales, scales)
    builder.bind(\.row_indices, operands.rows?.reference)
    builder.bind(\.w, weight.reference)
    builder.bind(\.w_scales, weight.reference + weight.sections.scales)
    builder.bind(\.input_scale, problem.hasInputScale ? weight.inputScale : nil)
    builder.bind(\.norm_weight, operands.normWeight?.reference)
    builder.bind(\.norm_bias, operands.normBias?.reference)
    builder.bind(\.bias, operands.bias?.reference)
    builder.bind(\.residual, operands.residual?.reference)
    builder.bind(\.out, call.out.reference)
    builder.count(\.rows, product.rows)
    builder.arguments.x_stride = Int64(product.k)
    builder.arguments.out_stride = Int64(product.width)
    builder.arguments.n = Int32(product.n)
    builder.arguments.k = Int32(product.k)
    builder.arguments.group = Int32(weight.recipe.weight.groupSize ?? 0)
    builder.arguments.rows_per_scale = Int32(weight.recipe.weight.rowsPerScale)
    builder.arguments.eps = call.product.norm?.eps ?? 0
    builder.arguments.weight_offset = call.product.norm?.weightOffset ?? 0
    builder.arguments.x_dtype = product.x.rawValue
    builder.arguments.w_dtype = DType.float8e4m3.rawValue
    builder.arguments.out_dtype = product.out.rawValue
    var cost = problem.cost
    cost.weightBytes += [operands.normWeight, operands.normBias].count { $0 != nil } * product.k * 4
    return Launch(
      kernel: "quantized_product", scope: call.node.scope, problem: problem.description, arguments: builder.block,
      cost: cost)
  }

  /// The launch that codes the activations, their codes and scales.
  private func coded(
    _ call: ProductCall, _ weight: Float8Weight
  ) throws(CatalogError) -> (launch: Launch, x: LoweredNode.Operand, scales: BufferReference) {
    let (x, norm) = (call.operands.x, call.product.norm)
    let isGrouped = weight.scales == .groups
    let groups = isGrouped ? (x.type.width + Float8Problem.groupColumns - 1) / Float8Problem.groupColumns : 1
    let codes = TensorType(.float8e4m3, [call.rows, .fixed(x.type.width)])
    let out = LoweredNode.Operand(type: codes, reference: call.node.scratch(codes, "codes of x"))
    let coding = GPUCodeRows(
      rows: call.rows, maximumRows: call.maximumRows, width: x.type.width, form: norm.map { .norm($0.kind) } ?? .rows,
      x: x.type.dtype, operand: operand(of: call), isGrouped: isGrouped, hasInputScale: weight.inputScale != nil)
    guard let shape = coding.launch(on: gpu) else {
      throw CatalogError("rows of \(x.type.width) are too wide to be coded on a GPU")
    }
    let made = weight.givenScale ?? call.node.scratch(TensorType(.float32, [call.rows, .fixed(groups)]), "scales of x")
    var builder = ArgumentBuilder(nt_code_rows_arguments())
    builder.bind(\.x, x.reference)
    builder.bind(\.norm_weight, call.operands.normWeight?.reference)
    builder.bind(\.norm_bias, call.operands.normBias?.reference)
    builder.bind(\.input_scale, weight.inputScale)
    builder.bind(\.given_scale, weight.givenScale)
    builder.bind(\.out, out.reference)
    if weight.givenScale == nil { builder.bind(\.scales, made) }
    builder.count(\.rows, call.rows)
    builder.arguments.x_stride = Int64(x.type.width)
    builder.arguments.out_stride = Int64(x.type.width)
    builder.arguments.width = Int32(x.type.width)
    builder.arguments.group = isGrouped ? Int32(Float8Problem.groupColumns) : 0
    builder.arguments.eps = norm?.eps ?? 0
    builder.arguments.weight_offset = norm?.weightOffset ?? 0
    var cost = Cost()
    cost.activationBytes.add(call.rows, times: x.type.width * (x.type.dtype.byteCount + 1))
    let launch = Launch(
      kernel: "code_rows", scope: call.node.scope,
      problem: "[\(call.rows), \(x.type.width)] \(x.type.dtype.name) -> float8e4m3", arguments: builder.block,
      cost: cost)
    return (shaped(launch, shape), out, made)
  }
}
