import NeedletailGraph
import NeedletailKernels
import NeedletailTesting

extension GPUCheck {
  /// Kernels that work row by row.
  static let rows: [GPUCheck] = [
    GPUCheck.kernel("kernel/rms_norm") {
      NormCase.cases(random: 24)
    } plan: {
      norm($0, $1, maximumRows: 64)
    },
    // As prefill has it, and rows that are too wide for registers.
    GPUCheck.kernel("kernel/rms_norm, of up to 8192 rows") {
      var wide = NormCase(rows: 3, width: 40_000)
      wide.out = .bfloat16
      return [wide] + NormCase.cases(random: 8, seed: 2)
    } plan: {
      norm($0, $1, maximumRows: 8192)
    },
    GPUCheck.kernel("kernel/gated_activation") {
      GatedActivationCase.cases(random: 12)
    } plan: { problem, _ in
      let launch = GPUElementwise.gatedActivation(
        problem.activation, rows: .tokens, width: problem.width, x: problem.x, out: problem.out)
      return KernelPlan(launches: [launch], counts: counts(problem.rows))
    },
    GPUCheck.kernel("kernel/unary") {
      UnaryCase.cases(random: 12)
    } plan: { problem, _ in
      let launch = GPUElementwise.unary(
        problem.activation, hasSoftcap: problem.softcap > 0, clamps: problem.bounds != nil, rows: .tokens,
        width: problem.width, x: problem.x,
        out: problem.out)
      return KernelPlan(launches: [launch], counts: counts(problem.rows))
    },
    GPUCheck.kernel("kernel/position_scale") {
      PositionScaleCase.cases(random: 12)
    } plan: { problem, _ in
      KernelPlan(
        launches: [GPUElementwise.positionScale(rows: .tokens, width: problem.width, x: problem.x, out: problem.out)],
        counts: counts(problem.positions.count))
    },
    GPUCheck.kernel("kernel/binary") {
      BinaryCase.cases(random: 12)
    } plan: { problem, _ in
      let launch = GPUElementwise.binary(
        problem.operation, rows: .tokens, width: problem.width, a: problem.a, b: problem.b, out: problem.out)
      return KernelPlan(launches: [launch], counts: counts(problem.rows))
    },
    GPUCheck.kernel("kernel/gather_rows") {
      let cases = GatherRowsCase.cases(random: 12).filter { !$0.isPrepared }
      return cases
        + cases.map { problem in
          var problem = problem
          problem.hasCarried = true
          return problem
        }
    } plan: { problem, _ in
      KernelPlan(
        launches: [GPUGatherRows.launch(rows: .tokens, width: problem.width, x: problem.x, out: problem.out)],
        counts: counts(problem.rows))
    },
  ]

  private static func counts(_ rows: Int) -> StepCounts { StepCounts(tokens: rows, sequences: 1, scoredRows: 1) }

  private static func norm(_ problem: NormCase, _ traits: GPUTraits, maximumRows: Int) -> KernelPlan {
    let norm = GPURMSNorm(
      rows: .tokens, maximumRows: maximumRows, width: problem.width, centers: problem.norm.kind == .layer,
      x: problem.x, delta: problem.delta, sum: problem.isInPlace ? problem.x : problem.sum,
      weight: problem.weight ?? .float32, out: problem.out)
    return KernelPlan(launches: [norm.launch(on: traits)], counts: counts(problem.rows))
  }
}
