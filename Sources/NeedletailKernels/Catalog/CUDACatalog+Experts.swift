import CNeedletailKernels
import NeedletailGraph

extension CUDACatalog {
  /// Chooses the experts of each row. Padding of a step chooses none.
  func routed(_ node: LoweredNode, _ routing: Routing) throws(CatalogError) -> Launch {
    let logits = node.inputs[0].type
    guard GPURoute.applies(routing, experts: logits.width) else {
      throw CatalogError(
        "a GPU chooses up to \(GPURoute.mostChoices) of \(GPURoute.mostExperts) experts in \(GPURoute.mostGroups) groups"
      )
    }
    let launch = route(
      node, routing, slots: BufferReference(.step(.slots)),
      rows: logits.rows.unit == .scoredRows ? BufferReference(.step(.scoredRows)) : nil)
    return shaped(
      launch, GPURoute.launch(routing, rows: logits.rows, experts: logits.width, logits: logits.dtype))
  }

  /// The layers of the chosen experts. In steps of few tokens the weights stream past the tokens that chose them; in others
  /// the rows are sorted by expert, gathered and multiplied tile by tile. In steps of up to 64 both have the same bits.
  func mixed(_ node: LoweredNode, _ experts: Experts) throws(CatalogError) -> [Launch] {
    let launches = try ExpertsLaunches(node, experts)
    let operands = launches.operands
    guard operands.gateUp.weight != nil, operands.down.weight != nil else {
      throw CatalogError("a GPU multiplies with weights only, not with computed values")
    }
    guard experts.count <= GPURoute.mostExperts else {
      throw CatalogError("a GPU has up to \(GPURoute.mostExperts) experts, not \(experts.count)")
    }
    let problem = problem(launches, maximumRows: launches.rows.value(in: node.maximum))
    return few(launches, problem) ?? sorted(launches, problem)
  }

  private func problem(_ launches: ExpertsLaunches, maximumRows: Int) -> ExpertsProblem {
    let (operands, experts) = (launches.operands, launches.experts)
    var problem = ExpertsProblem(
      rows: launches.rows, maximumRows: maximumRows, experts: experts.count, choices: launches.choices,
      width: launches.width, inner: launches.inner, x: operands.x.type.dtype, weight: operands.gateUp.type.dtype,
      activation: experts.activation)
    problem.hasBias = operands.biases != nil
    problem.isLimited = experts.limit != nil
    problem.weightsInput = experts.weightsInput
    problem.isAligned = [operands.x, operands.gateUp, operands.down].allSatisfy { $0.reference.offset % 16 == 0 }
    problem.isDeterministic = isDeterministic
    return problem
  }

  private func few(_ launches: ExpertsLaunches, _ problem: ExpertsProblem) -> [Launch]? {
    guard problem.takesFewKernels(on: gpu) else { return nil }
    let (node, operands) = (launches.node, launches.operands)
    let gated = node.scratch(TensorType(problem.weight, [problem.pairs, .fixed(problem.inner)]), "experts' gates")
    let results = node.scratch(TensorType(.float32, [problem.pairs, .fixed(problem.width)]), "experts' results")
    guard
      let gateUp = problem.fewLaunch(
        .gateUp, on: gpu, x: operands.x.reference, weight: operands.gateUp.reference, out: problem.weight),
      let down = problem.fewLaunch(.down, on: gpu, x: gated, weight: operands.down.reference, out: .float32)
    else { return nil }
    return [
      shaped(launches.gateUp(nil, out: gated, problem.weight), gateUp),
      shaped(launches.down(nil, x: gated, problem.weight, out: results, .float32), down),
      combined(launches, problem, launches.combine(nil, x: results, .float32, hasPadding: true), x: .float32),
    ]
  }

  private func sorted(_ launches: ExpertsLaunches, _ problem: ExpertsProblem) -> [Launch] {
    let (node, operands, order) = (launches.node, launches.operands, launches.order())
    func rows(_ dtype: DType, _ width: Int, _ name: String) -> BufferReference {
      let count = problem.maximumPairs + GPUSortedExperts.spareRows
      return node.scratch(TensorType(dtype, [.fixed(count), .fixed(width)]), name)
    }
    let gathered = rows(problem.x, problem.width, "experts' rows")
    let gated = rows(problem.weight, problem.inner, "experts' gates")
    // Where few tokens have other kernels, their results are not rounded either.
    let resultType = problem.isSliced(on: gpu) ? .float32 : problem.weight
    let results = rows(resultType, problem.width, "experts' results")
    return [
      shaped(
        launches.sort(into: order),
        GPUSortedExperts.sort(maximumPairs: problem.maximumPairs, experts: problem.experts, on: gpu)),
      shaped(
        gather(launches, problem, order, out: gathered),
        GPUSortedExperts.gather(pairs: problem.pairs, rowBytes: problem.width * problem.x.byteCount)),
      shaped(
        launches.gateUp(order, gathered: gathered, out: gated, problem.weight),
        problem.sortedLaunch(
          .gateUp, on: gpu, x: gathered, weight: operands.gateUp.reference, out: problem.weight)),
      shaped(
        launches.down(order, x: gated, problem.weight, out: results, resultType),
        problem.sortedLaunch(.down, on: gpu, x: gated, weight: operands.down.reference, out: resultType)),
      combined(launches, problem, launches.combine(order, x: results, resultType, hasPadding: true), x: resultType),
    ]
  }

  private func gather(
    _ launches: ExpertsLaunches, _ problem: ExpertsProblem, _ order: ExpertsLaunches.Order, out: BufferReference
  ) -> Launch {
    var builder = ArgumentBuilder(nt_gather_experts_arguments())
    builder.bind(\.x, launches.operands.x.reference)
    builder.bind(\.starts, order.starts)
    builder.bind(\.pairs, order.pairs)
    builder.bind(\.out, out)
    builder.arguments.row_bytes = Int32(problem.width * problem.x.byteCount)
    builder.arguments.experts = Int32(problem.experts)
    builder.arguments.choices = Int32(problem.choices)
    var cost = Cost()
    cost.activationBytes.add(problem.pairs, times: problem.width * problem.x.byteCount)
    cost.activationBytes.add(problem.rows, times: problem.width * problem.x.byteCount)
    return Launch(
      kernel: "gather_experts", scope: launches.node.scope,
      problem: "[\(problem.pairs), \(problem.width)] \(problem.x.name)", arguments: builder.block, cost: cost)
  }

  private func combined(
    _ launches: ExpertsLaunches, _ problem: ExpertsProblem, _ launch: Launch, x: DType
  ) -> Launch {
    shaped(
      launch,
      GPUSortedExperts.combine(
        rows: problem.rows, maximumRows: problem.maximumRows, width: problem.width, x: x,
        out: launches.node.results[0].type.dtype, hasResidual: false))
  }
}
