import NeedletailGraph
import NeedletailKernels
import NeedletailTesting

extension GPUCheck {
  /// Mixtures of experts.
  static let experts: [GPUCheck] = [
    GPUCheck.kernel("kernel/route") {
      RouteCase.cases(random: 16)
    } plan: { problem, _ in
      guard GPURoute.applies(problem.routing, experts: problem.experts) else { return nil }
      let launch = GPURoute.launch(
        problem.routing, rows: .tokens, experts: problem.experts, logits: problem.logits)
      return KernelPlan(launches: [launch], counts: counts(problem.rows))
    },
    GPUCheck.kernel("kernel/few_experts") {
      ExpertsProductCase.cases(random: 12)
    } plan: {
      few($0, $1)
    },
    GPUCheck.kernel("kernel/sorted_experts") {
      ExpertsProductCase.cases(random: 12).map { $0.sorted(true) }
    } plan: {
      sorted($0, $1)
    },
    GPUCheck.repeats("repeat/sorted_experts", runs: 200) {
      [ExpertsProductCase(300, 8, 2, width: 512, k: 256, gate: .silu).sorted(true)]
    } plan: {
      sorted($0, $1)
    },
    GPUCheck.repeats("repeat/few_experts", runs: 200) {
      [ExpertsProductCase(7, 8, 2, width: 512, k: 256, gate: .silu)]
    } plan: {
      few($0, $1)
    },
  ]

  private static func counts(_ tokens: Int) -> StepCounts {
    StepCounts(tokens: tokens, sequences: 1, scoredRows: 1)
  }

  private static func problem(_ product: ExpertsProductCase) -> (ExpertsProblem, ExpertsProblem.Part) {
    let isFirst = product.gate != nil
    let (width, inner) = isFirst ? (product.k, product.width) : (product.width, product.k)
    var problem = ExpertsProblem(
      rows: .tokens, maximumRows: product.tokens, experts: product.experts, choices: product.choices, width: width,
      inner: inner, x: product.dtype, weight: product.dtype, activation: product.gate ?? .silu)
    problem.hasBias = product.hasBias
    problem.isLimited = product.limit != nil
    problem.weightsInput = product.isWeighted
    return (problem, isFirst ? .gateUp : .down)
  }

  /// nil where the product is one for sorted rows.
  private static func few(_ product: ExpertsProductCase, _ traits: GPUTraits) -> KernelPlan? {
    let (problem, part) = problem(product)
    let launch = problem.fewLaunch(part, on: traits, x: operand("x"), weight: operand("w"), out: product.out)
    guard let launch, !product.isWeighted || product.gate != nil else { return nil }
    return KernelPlan(launches: [launch], counts: counts(product.tokens))
  }

  private static func sorted(_ product: ExpertsProductCase, _ traits: GPUTraits) -> KernelPlan? {
    guard !product.isWeighted || product.gate != nil else { return nil }
    let (problem, part) = problem(product)
    return KernelPlan(
      launches: [problem.sortedLaunch(part, on: traits, x: operand("x"), weight: operand("w"), out: product.out)],
      counts: counts(product.tokens))
  }
}
