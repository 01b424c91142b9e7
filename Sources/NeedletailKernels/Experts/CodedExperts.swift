import CNeedletailKernels
import NeedletailGraph

extension CPUCatalog {
  /// Experts whose weights are coded: as with ordinary ones, and what each product multiplies is coded before it.
  func codedExperts(_ launches: ExpertsLaunches) throws(CatalogError) -> [Launch] {
    let (node, operands) = (launches.node, launches.operands)
    guard let gateUp = operands.gateUp.weight, gateUp.weight.recipe != nil, gateUp.layout == .panels,
      let down = operands.down.weight, down.weight.recipe != nil, down.layout == .panels
    else { throw CatalogError("of experts both products are by coded weights, or none") }
    let operandType = operands.x.type.dtype
    let order = launches.order()
    let gated = LoweredNode.Operand(
      type: TensorType(operandType, [launches.pairs, .fixed(launches.inner)]),
      reference: node.scratch(TensorType(operandType, [launches.pairs, .fixed(launches.inner)]), "experts' gates"))
    let results = node.scratch(TensorType(.float32, [launches.pairs, .fixed(launches.width)]), "experts' results")
    let x = try coded(operands.x, for: operands.gateUp, node)
    let inner = try coded(gated, for: operands.down, node)
    func product(_ launch: Launch, _ weight: LoweredNode.Operand, _ operand: CodedOperand) -> Launch {
      var launch = wrapped(launch, "coded_grouped_matmul", weight, operand)
      launch.setExpertsCost(planned: weight.weight, pairs: launches.pairs, count: launches.experts.count)
      return launch
    }
    return [launches.sort(into: order)] + x.launches + [
      product(
        launches.gateUp(order, x: x.x, xStride: x.stride, out: gated.reference, operandType), operands.gateUp, x)
    ] + inner.launches + [
      product(
        launches.down(
          order, x: inner.x.reference, inner.x.type.dtype, xStride: inner.stride, out: results, .float32),
        operands.down, inner),
      launches.combine(order, x: results, .float32),
    ]
  }
}

extension Launch {
  /// Of the bytes of all experts, those of the chosen ones are read.
  fileprivate mutating func setExpertsCost(planned: PlannedWeight?, pairs: Dim, count: Int) {
    guard let planned else { return }
    cost.gatheredBytes = Cost.Linear()
    cost.gatheredBytes.add(pairs, times: planned.byteCount / max(count, 1))
    cost.gatheredLimit = planned.byteCount
  }
}
