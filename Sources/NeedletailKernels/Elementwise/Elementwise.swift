import CNeedletailKernels
import NeedletailGraph

/// What `unary` does besides converting.
struct Unary {
  var activation = Activation.identity
  var scale: Float = 1
  var offset: Float = 0
  var softcap: Float = 0
  /// What the result is kept between.
  var bounds: ClosedRange<Float>?
  /// Elements skipped at the start of each row.
  var start = 0
}

extension KernelCatalog {
  private func cost(_ node: LoweredNode, operations: Int) -> Cost {
    var cost = Cost()
    for operand in node.inputs + node.results {
      cost.activationBytes.add(operand.type.elements, times: operand.type.dtype.byteCount)
    }
    if let result = node.results.first { cost.operations.add(result.type.elements, times: operations) }
    return cost
  }

  func gatedActivation(_ node: LoweredNode, _ activation: Activation) -> Launch {
    let (x, out) = (node.inputs[0], node.results[0])
    var builder = ArgumentBuilder(nt_gated_activation_arguments())
    builder.bind(\.x, x.reference)
    builder.bind(\.out, out.reference)
    builder.count(\.rows, out.type.rows)
    builder.arguments.x_stride = Int64(x.type.width)
    builder.arguments.out_stride = Int64(out.type.width)
    builder.arguments.width = Int32(out.type.width)
    builder.arguments.activation = activation.rawValue
    builder.arguments.x_dtype = x.type.dtype.rawValue
    builder.arguments.out_dtype = out.type.dtype.rawValue
    return Launch(
      kernel: "gated_activation", scope: node.scope, problem: "\(activation)(gate) * up \(x.type)",
      arguments: builder.block, cost: cost(node, operations: 6))
  }

  func unary(_ node: LoweredNode, _ unary: Unary) -> Launch {
    let (x, out) = (node.inputs[0], node.results[0])
    var builder = ArgumentBuilder(nt_unary_arguments())
    builder.bind(\.x, x.reference + unary.start * x.type.dtype.byteCount)
    builder.bind(\.out, out.reference)
    builder.count(\.rows, out.type.rows)
    builder.arguments.x_stride = Int64(x.type.width)
    builder.arguments.out_stride = Int64(out.type.width)
    builder.arguments.width = Int32(out.type.width)
    builder.arguments.activation = unary.activation.rawValue
    builder.arguments.scale = unary.scale
    builder.arguments.offset = unary.offset
    builder.arguments.softcap = unary.softcap
    builder.arguments.low = unary.bounds?.lowerBound ?? 0
    builder.arguments.high = unary.bounds?.upperBound ?? 0
    builder.arguments.x_dtype = x.type.dtype.rawValue
    builder.arguments.out_dtype = out.type.dtype.rawValue
    return Launch(
      kernel: "unary", scope: node.scope, problem: "\(node.op.mnemonic) \(out.type)", arguments: builder.block,
      cost: cost(node, operations: 1))
  }

  func positionScale(_ node: LoweredNode, _ scale: PositionScale) -> Launch {
    let (x, out) = (node.inputs[0], node.results[0])
    let width = x.type.shape.dropFirst().reduce(1) { $0 * ($1.fixed ?? 1) }
    var builder = ArgumentBuilder(nt_position_scale_arguments())
    builder.bind(\.x, x.reference)
    builder.bind(\.positions, node.inputs[1].reference)
    builder.bind(\.out, out.reference)
    builder.count(\.rows, .tokens)
    builder.arguments.x_stride = Int64(width)
    builder.arguments.out_stride = Int64(width)
    builder.arguments.width = Int32(width)
    builder.arguments.period = Int32(clamping: scale.period)
    builder.arguments.factor = scale.factor
    builder.arguments.x_dtype = x.type.dtype.rawValue
    builder.arguments.out_dtype = out.type.dtype.rawValue
    return Launch(
      kernel: "position_scale", scope: node.scope, problem: "by position \(out.type)", arguments: builder.block,
      cost: cost(node, operations: 1))
  }

  func binary(_ node: LoweredNode, _ operation: BinaryOperation) -> Launch {
    let (a, b, out) = (node.inputs[0], node.inputs[1], node.results[0])
    var builder = ArgumentBuilder(nt_binary_arguments())
    builder.bind(\.a, a.reference)
    builder.bind(\.b, b.reference)
    builder.bind(\.out, out.reference)
    builder.count(\.rows, out.type.rows)
    builder.arguments.a_stride = Int64(a.type.width)
    // One row for all rows, unless it is a whole operand that happens to have one row.
    builder.arguments.b_stride = b.type.shape == a.type.shape ? Int64(b.type.width) : 0
    builder.arguments.out_stride = Int64(out.type.width)
    builder.arguments.width = Int32(out.type.width)
    builder.arguments.operation = operation.rawValue
    builder.arguments.a_dtype = a.type.dtype.rawValue
    builder.arguments.b_dtype = b.type.dtype.rawValue
    builder.arguments.out_dtype = out.type.dtype.rawValue
    return Launch(
      kernel: "binary", scope: node.scope, problem: "\(operation) \(out.type)", arguments: builder.block,
      cost: cost(node, operations: 1))
  }
}
