import CNeedletailKernels
import NeedletailGraph

extension KernelCatalog {
  /// Chooses the experts of each row. `slots`: those of the step's tokens, where padding of a step chooses none; `rows`: the
  /// tokens that the rows are of, where they are not all in order.
  func route(
    _ node: LoweredNode, _ routing: Routing, slots: BufferReference? = nil, rows: BufferReference? = nil
  ) -> Launch {
    let (logits, experts) = (node.inputs[0], node.inputs[0].type.width)
    var builder = ArgumentBuilder(nt_route_arguments())
    builder.bind(\.logits, logits.reference)
    builder.bind(\.bias, node.inputs.count > 1 ? node.inputs[1].reference : nil)
    builder.bind(\.chosen, node.results[0].reference)
    builder.bind(\.weights, node.results[1].reference)
    builder.bind(\.slots, slots)
    builder.bind(\.row_indices, rows)
    builder.count(\.rows, logits.type.rows)
    builder.arguments.logits_stride = Int64(experts)
    builder.arguments.experts = Int32(experts)
    builder.arguments.k = Int32(routing.chosenCount)
    builder.arguments.scoring = routing.scoring.rawValue
    builder.arguments.renormalizes = routing.renormalizes ? 1 : 0
    builder.arguments.groups = Int32(routing.groups?.count ?? 0)
    builder.arguments.chosen_groups = Int32(routing.groups?.chosen ?? 0)
    builder.arguments.group_score = routing.groups?.score.rawValue ?? 0
    builder.arguments.logits_dtype = logits.type.dtype.rawValue
    builder.arguments.scale = routing.scale
    builder.arguments.jitter = routing.jitter
    var cost = Cost()
    cost.activationBytes.add(logits.type.elements, times: logits.type.dtype.byteCount)
    cost.activationBytes.add(node.results[0].type.elements, times: 8)
    cost.operations.add(logits.type.elements, times: 8)
    return Launch(
      kernel: "route", scope: node.scope, problem: "\(routing.chosenCount) of \(logits.type)",
      arguments: builder.block, cost: cost)
  }
}

/// Experts' layers as launches: what stays the same on every device.
struct ExpertsLaunches {
  let node: LoweredNode
  let experts: Experts
  let operands: ExpertsOperands<LoweredNode.Operand>
  /// Tokens.
  let rows: Dim
  /// Experts of a token.
  let choices: Int
  /// Of the model, and of an expert.
  let width, inner: Int

  init(_ node: LoweredNode, _ experts: Experts) throws(CatalogError) {
    guard let operands = ExpertsOperands(node.inputs) else { throw CatalogError("experts with unknown operands") }
    self.node = node
    self.experts = experts
    self.operands = operands
    rows = operands.x.type.rows
    choices = operands.chosen.type.width
    width = operands.x.type.width
    inner = operands.down.type.width
  }

  /// Pairs of a token and an expert.
  var pairs: Dim { rows * choices }

  /// Where the pairs of each expert stand.
  struct Order {
    var starts, pairs, places: BufferReference
  }

  /// Memory for an order of the pairs.
  func order() -> Order {
    Order(
      starts: node.scratch(TensorType(.int32, [.fixed(experts.count + 1)]), "experts' starts"),
      pairs: node.scratch(TensorType(.int32, [pairs]), "experts' pairs"),
      places: node.scratch(TensorType(.int32, [pairs]), "experts' places"))
  }

  /// Orders pairs by expert.
  func sort(into order: Order) -> Launch {
    var builder = ArgumentBuilder(nt_sort_experts_arguments())
    builder.bind(\.chosen, operands.chosen.reference)
    builder.bind(\.starts, order.starts)
    builder.bind(\.pairs, order.pairs)
    builder.bind(\.places, order.places)
    builder.count(\.rows, rows)
    builder.arguments.experts = Int32(experts.count)
    builder.arguments.choices = Int32(choices)
    var cost = Cost()
    cost.activationBytes.add(pairs, times: 12)
    return Launch(
      kernel: "sort_experts", scope: node.scope, problem: "[\(rows), \(choices)] by \(experts.count) experts",
      arguments: builder.block, cost: cost)
  }

  /// The first product, gated: [rows, width] to [pairs, inner]. `order` nil: pairs stay as they are. `gathered`: where the
  /// rows lie in this order, if they were gathered before.
  func gateUp(
    _ order: Order?, gathered: BufferReference? = nil, x: LoweredNode.Operand? = nil, xStride: Int? = nil,
    out: BufferReference, _ outType: DType
  ) -> Launch {
    let x = x ?? operands.x
    return product(
      order, x: gathered ?? x.reference, x.type.dtype, xStride: xStride, gathers: gathered == nil,
      weight: operands.gateUp, bias: operands.biases?.gateUp, out: out, outType, isFirst: true)
  }

  /// The second product: [pairs, inner] to [pairs, width].
  func down(
    _ order: Order?, x: BufferReference, _ xType: DType, xStride: Int? = nil, out: BufferReference, _ outType: DType
  ) -> Launch {
    product(
      order, x: x, xType, xStride: xStride, gathers: false, weight: operands.down, bias: operands.biases?.down,
      out: out, outType,
      isFirst: false)
  }

  private func product(
    _ order: Order?, x: BufferReference, _ xType: DType, xStride: Int?, gathers: Bool, weight: LoweredNode.Operand,
    bias: LoweredNode.Operand?, out: BufferReference, _ outType: DType, isFirst: Bool
  ) -> Launch {
    let (n, k) = isFirst ? (2 * inner, width) : (width, inner)
    var builder = ArgumentBuilder(nt_grouped_matmul_arguments())
    builder.bind(\.x, x)
    builder.bind(\.w, weight.reference)
    builder.bind(\.bias, bias?.reference)
    builder.bind(\.weights, isFirst && experts.weightsInput ? operands.weights.reference : nil)
    builder.bind(\.starts, order?.starts)
    builder.bind(\.pairs, order?.pairs)
    builder.bind(\.chosen, operands.chosen.reference)
    builder.bind(\.out, out)
    builder.count(\.rows, rows)
    builder.arguments.x_stride = Int64(xStride ?? k)
    builder.arguments.w_stride = Int64(k)
    builder.arguments.out_stride = Int64(isFirst ? inner : width)
    builder.arguments.experts = Int32(experts.count)
    builder.arguments.choices = Int32(choices)
    builder.arguments.n = Int32(n)
    builder.arguments.k = Int32(k)
    builder.arguments.gathers = gathers ? 1 : 0
    builder.arguments.gated = isFirst ? 1 : 0
    builder.arguments.activation = isFirst ? experts.activation.rawValue : Activation.identity.rawValue
    builder.arguments.limit = experts.limit ?? .infinity
    builder.arguments.up_offset = experts.upOffset
    builder.arguments.x_dtype = xType.rawValue
    builder.arguments.w_dtype = weight.type.dtype.rawValue
    builder.arguments.out_dtype = outType.rawValue
    return Launch(
      kernel: "grouped_matmul", scope: node.scope,
      problem: "[\(pairs), \(k)] \(xType.name) x \(experts.count) [\(n), \(k)] \(weight.type.dtype.name)"
        + " -> \(outType.name)",
      arguments: builder.block, cost: cost(n: n, k: k, xType, weight.type.dtype, outType, isFirst: isFirst))
  }

  // Chosen experts' weights are read once for each pair, but no expert's twice.
  private func cost(n: Int, k: Int, _ x: DType, _ weight: DType, _ out: DType, isFirst: Bool) -> Cost {
    var cost = Cost()
    cost.gatheredBytes.add(pairs, times: n * k * weight.byteCount)
    cost.gatheredLimit = experts.count * n * k * weight.byteCount
    cost.activationBytes.add(isFirst ? rows : pairs, times: k * x.byteCount)
    cost.activationBytes.add(pairs, times: (isFirst ? n / 2 : n) * out.byteCount)
    cost.operations.add(pairs, times: 2 * n * k)
    return cost
  }

  /// The sum of each token's experts. `order` nil: x is by pair. `hasPadding`: there may be choices of no expert.
  func combine(_ order: Order?, x: BufferReference, _ xType: DType, hasPadding: Bool = false) -> Launch {
    let out = node.results[0]
    var builder = ArgumentBuilder(nt_combine_experts_arguments())
    builder.bind(\.x, x)
    builder.bind(\.places, order?.places)
    builder.bind(\.weights, experts.weightsInput ? nil : operands.weights.reference)
    builder.bind(\.chosen, hasPadding ? operands.chosen.reference : nil)
    builder.bind(\.out, out.reference)
    builder.count(\.rows, rows)
    builder.arguments.x_stride = Int64(width)
    builder.arguments.out_stride = Int64(width)
    builder.arguments.width = Int32(width)
    builder.arguments.choices = Int32(choices)
    builder.arguments.x_dtype = xType.rawValue
    builder.arguments.out_dtype = out.type.dtype.rawValue
    var cost = Cost()
    cost.activationBytes.add(pairs, times: width * xType.byteCount)
    cost.activationBytes.add(rows, times: width * out.type.dtype.byteCount)
    cost.operations.add(pairs, times: 2 * width)
    return Launch(
      kernel: "combine_experts", scope: node.scope, problem: "\(choices) of each row \(out.type)",
      arguments: builder.block, cost: cost)
  }
}

extension CPUCatalog {
  /// Pairs are sorted, so that each expert's weights are read once, and only those of experts that are chosen.
  func experts(_ node: LoweredNode, _ experts: Experts) throws(CatalogError) -> [Launch] {
    let launches = try ExpertsLaunches(node, experts)
    if launches.operands.gateUp.weight?.weight.recipe != nil || launches.operands.down.weight?.weight.recipe != nil {
      return try codedExperts(launches)
    }
    for weight in [launches.operands.gateUp, launches.operands.down] where weight.weight?.layout != .panels {
      throw CatalogError("the CPU multiplies with weights only, not with computed values")
    }
    let operandType = launches.operands.x.type.dtype
    let order = launches.order()
    let gated = node.scratch(TensorType(operandType, [launches.pairs, .fixed(launches.inner)]), "experts' gates")
    let results = node.scratch(TensorType(.float32, [launches.pairs, .fixed(launches.width)]), "experts' results")
    return [
      launches.sort(into: order), launches.gateUp(order, out: gated, operandType),
      launches.down(order, x: gated, operandType, out: results, .float32),
      launches.combine(order, x: results, .float32),
    ]
  }
}
