import CNeedletailKernels
import NeedletailGraph

/// What coded weights add to a product's launches on the CPU: the coding of x before it, and scales.
struct CodedOperand {
  /// x as the product reads it.
  var x: LoweredNode.Operand
  /// Elements from row to row of it.
  var stride: Int
  /// Its scales, and how many each row has; nil where there are none.
  var scales: (reference: BufferReference, stride: Int)?
  /// What makes them; none where x stays as it is.
  var launches: [Launch]
}

extension CPUCatalog {
  /// A product by a coded weight.
  func codedMatmul(_ node: LoweredNode) throws(CatalogError) -> [Launch] {
    let weight = node.inputs[1]
    let operand = try coded(node.inputs[0], for: weight, node)
    var inner = node
    inner.inputs[0] = operand.x
    var product = matmul(inner, xStride: operand.stride)
    product.cost.weightBytes =
      (weight.weight?.byteCount ?? 0) + (node.inputs.count > 2 ? node.results[0].type.width * 4 : 0)
    return operand.launches + [wrapped(product, "coded_matmul", weight, operand)]
  }

  /// x as a product by a weight reads it: in codes, or their values where the instruction set has products of those only;
  /// divided first where the weight says so.
  func coded(
    _ x: LoweredNode.Operand, for weight: LoweredNode.Operand, _ node: LoweredNode
  ) throws(CatalogError) -> CodedOperand {
    guard let planned = weight.weight, let recipe = planned.weight.recipe, let sections = planned.sections else {
      throw CatalogError("a product by a coded weight that is none")
    }
    if recipe.weight.code == .int8, recipe.weight.groupSize != nil {
      throw CatalogError("the CPU has no products by int8 in groups")
    }
    let k = x.type.width
    guard recipe.activation != nil || recipe.hasInputScale else {
      return CodedOperand(x: x, stride: k, scales: nil, launches: [])
    }
    var (dtype, width) = (x.type.dtype, k)
    switch recipe.activation?.code {
    case .int8?:
      dtype = [.avx512, .avx512bf16].contains(instructionSet) ? .int8 : .float32
      if dtype == .int8 { width = (k + 3) / 4 * 4 }
    case .float8e4m3?: dtype = instructionSet == .avx512bf16 ? .bfloat16 : .float32
    case nil: break
    }
    var groups: (size: Int, count: Int)?
    if case .group(let size)? = recipe.activation?.scope { groups = (size, (k + size - 1) / size) }
    let rows = x.type.rows
    let codes = node.scratch(TensorType(dtype, [rows, .fixed(width)]), "codes of x")
    var builder = ArgumentBuilder(nt_quantize_rows_arguments())
    builder.bind(\.x, x.reference)
    builder.bind(\.out, codes)
    builder.bind(\.input_scale, sections.inputScale.map { weight.reference + $0 })
    let given = sections.activationScale.map { weight.reference + $0 }
    builder.bind(\.given_scale, given)
    var scales = given.map { (reference: $0, stride: 0) }
    if recipe.activation != nil, scales == nil {
      let count = groups?.count ?? 1
      let made = node.scratch(TensorType(.float32, [rows, .fixed(count)]), "scales of x")
      builder.bind(\.scales, made)
      scales = (made, count)
    }
    builder.count(\.rows, rows)
    builder.arguments.x_stride = Int64(k)
    builder.arguments.out_stride = Int64(width)
    builder.arguments.width = Int32(k)
    builder.arguments.padded_width = Int32(width)
    builder.arguments.group = Int32(groups?.size ?? 0)
    builder.arguments.code = recipe.activation?.dtype.rawValue ?? DType.real.rawValue
    builder.arguments.x_dtype = x.type.dtype.rawValue
    builder.arguments.out_dtype = dtype.rawValue
    var cost = Cost()
    cost.activationBytes.add(rows, times: k * (x.type.dtype.byteCount + dtype.byteCount))
    cost.operations.add(rows, times: 4 * k)
    let launch = Launch(
      kernel: "quantize_rows", scope: node.scope,
      problem: "\(x.type) -> \(recipe.activation.map { "\($0.code.rawValue)" } ?? "divided")",
      arguments: builder.block, cost: cost)
    let type = TensorType(dtype, x.type.shape)
    return CodedOperand(
      x: .init(type: type, reference: codes), stride: width, scales: scales, launches: [launch])
  }

  /// A launch of a product, as that of the kernel whose argument struct has `nt_coded_panels` behind the product's.
  func wrapped(
    _ launch: Launch, _ kernel: String, _ weight: LoweredNode.Operand, _ operand: CodedOperand
  ) -> Launch {
    guard let planned = weight.weight, let recipe = planned.weight.recipe, let sections = planned.sections else {
      return launch
    }
    var builder = ArgumentBuilder(nt_coded_panels())
    builder.bind(\.scales, weight.reference + sections.scales)
    builder.bind(\.zeros, sections.zeros.map { weight.reference + $0 })
    builder.bind(\.row_scales, sections.rowScales.map { weight.reference + $0 })
    builder.bind(\.x_scales, operand.scales?.reference)
    builder.arguments.x_scale_stride = Int64(operand.scales?.stride ?? 0)
    builder.arguments.group = Int32(recipe.weight.groupSize ?? 0)
    builder.arguments.scale_dtype = recipe.weight.scaleType.rawValue
    var wrapped = launch
    wrapped.kernel = kernel
    wrapped.problem += " (\(recipe))"
    wrapped.arguments = launch.arguments.followed(by: builder.block)
    return wrapped
  }
}

extension ArgumentBlock {
  /// A struct of both, one behind the other.
  func followed(by other: ArgumentBlock) -> ArgumentBlock {
    let shifted = other.patches.map { Patch(offset: $0.offset + bytes.count, value: $0.value) }
    return ArgumentBlock(bytes: bytes + other.bytes, patches: patches + shifted)
  }
}
