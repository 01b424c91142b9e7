import NeedletailGraph
import NeedletailKernels
import NeedletailTesting

extension GPUCheck {
  /// Products by heads, and attention whose values are part of the keys.
  static let latent: [GPUCheck] = [
    GPUCheck.kernel("kernel/head_linear") {
      HeadLinearCase.cases(random: 24)
    } plan: { product, _ in
      let problem = HeadLinearProblem(
        rows: .tokens, heads: product.heads, n: product.n, k: product.k, isTransposed: product.isTransposed,
        x: product.x,
        weight: product.weight, out: product.out)
      let launch = problem.launch(maximumRows: product.rows)
      // Rows and heads of x start at multiples of 16 bytes.
      guard launch.function.entry == "head_linear_plain" || product.gap % 8 == 0 else { return nil }
      return KernelPlan(
        launches: [launch], counts: StepCounts(tokens: product.rows, sequences: 1, scoredRows: product.rows))
    },
    GPUCheck.kernel("kernel/latent_decode") {
      LatentDecodeCase.cases(random: 12)
    } plan: {
      decode($0, $1)
    },
    GPUCheck.kernel("kernel/latent_prefill") {
      PrefillAttentionCase.latent
    } plan: {
      prefill($0, $1)
    },
    GPUCheck.repeats("repeat/latent_decode") {
      [
        LatentDecodeCase([4097], LatentDecodeCase.shapes[0]),
        LatentDecodeCase([530, 5, 64, 300], LatentDecodeCase.shapes[1]),
        LatentDecodeCase((1...70).map { $0 * 40 }, LatentDecodeCase.shapes[3]),
      ]
    } plan: {
      decode($0, $1)
    },
  ]

  private static func problem(_ step: AttentionCase) -> AttentionProblem {
    AttentionProblem(
      heads: step.shape.heads, kvHeads: 1, headDim: step.shape.headDim, valueDim: step.shape.valueDim, input: step.q,
      cache: step.cache, out: step.out, limits: limits)
  }

  private static func decode(_ problem: LatentDecodeCase, _ traits: GPUTraits) -> KernelPlan? {
    let attention = self.problem(problem.step)
    let count = problem.step.sequences.count
    // The plain kernel takes the arguments of prefill; models check it.
    guard let launch = attention.latentLaunch(decodes: true, on: traits), launch.function.entry == "latent_decode"
    else { return nil }
    return KernelPlan(
      launches: [launch], counts: StepCounts(tokens: count, sequences: count, scoredRows: count, decodes: count),
      scratch: ["partials": attention.latentPartialsElements(on: traits) * 4], cacheBlocks: problem.step.blockCount)
  }

  private static func prefill(_ problem: PrefillAttentionCase, _ traits: GPUTraits) -> KernelPlan? {
    let step = problem.step
    guard let launch = self.problem(step).latentLaunch(decodes: false, on: traits) else { return nil }
    let tokens = step.sequences.reduce(0) { $0 + $1.queries }
    let counts = StepCounts(
      tokens: tokens, sequences: step.sequences.count, scoredRows: step.sequences.count,
      decodes: min(problem.firstSequence, max(tokens - 1, 0)))
    return KernelPlan(launches: [launch], counts: counts, cacheBlocks: step.blockCount)
  }
}
