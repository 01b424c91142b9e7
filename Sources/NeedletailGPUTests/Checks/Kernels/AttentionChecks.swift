import NeedletailGraph
import NeedletailKernels
import NeedletailTesting

extension GPUCheck {
  /// Steps of the checks: every problem fits, so that few functions serve all of them.
  static let limits = PlanLimits(tokens: 4096, sequences: 160, scoredRows: 160, sequenceLength: 8192, blockSize: 64)

  static let attention: [GPUCheck] = [
    GPUCheck.kernel("kernel/decode_attention") {
      DecodeAttentionCase.cases(random: 24)
    } plan: {
      decode($0, $1)
    },
    GPUCheck.kernel("kernel/prefill_attention") {
      PrefillAttentionCase.cases(random: 24)
    } plan: {
      prefill($0, $1)
    },
    GPUCheck.repeats("repeat/decode_attention") {
      let shape = Reference.AttentionShape(heads: 32, kvHeads: 8, headDim: 128, valueDim: 128)
      return [
        DecodeAttentionCase([8191], shape), DecodeAttentionCase([3000, 5, 700, 1200], shape),
        DecodeAttentionCase((1...33).map { $0 * 40 }, shape),
      ]
    } plan: {
      decode($0, $1)
    },
  ]

  private static func problem(
    _ shape: Reference.AttentionShape, _ options: Attention, input: DType, cache: DType, out: DType, hasSinks: Bool
  ) -> AttentionProblem {
    var problem = AttentionProblem(
      heads: shape.heads, kvHeads: shape.kvHeads, headDim: shape.headDim, valueDim: shape.valueDim, input: input,
      cache: cache, out: out, limits: limits)
    problem.window = options.window
    problem.chunk = options.chunk
    problem.hasSoftcap = options.softcap != nil
    problem.hasSlopes = options.alibiSlopes != nil
    problem.hasSinks = hasSinks
    return problem
  }

  private static func prefill(_ problem: PrefillAttentionCase, _ traits: GPUTraits) -> KernelPlan? {
    let step = problem.step
    // Rows of queries start at multiples of 16 bytes.
    guard step.q == step.cache, step.gap * step.q.byteCount % 16 == 0 else { return nil }
    let attention = self.problem(
      step.shape, step.options, input: step.q, cache: step.cache, out: step.out, hasSinks: step.hasSinks)
    let tokens = step.sequences.reduce(0) { $0 + $1.queries }
    let decodes = problem.firstSequence
    // What stands ahead are no decodes here; they only make the launch run where nothing else does.
    let counts = StepCounts(
      tokens: tokens, sequences: step.sequences.count, scoredRows: step.sequences.count,
      decodes: min(decodes, max(tokens - 1, 0)))
    return KernelPlan(
      launches: [attention.prefillLaunch(on: traits, q: operand("q"), cache: operand("cache"))], counts: counts,
      cacheBlocks: step.blockCount)
  }

  private static func decode(_ step: DecodeAttentionCase, _ traits: GPUTraits) -> KernelPlan? {
    var problem = problem(
      step.shape, step.options, input: step.x, cache: step.cache, out: step.out, hasSinks: step.hasSinks)
    problem.rotaryDim = step.rotaryDim
    problem.isInterleaved = step.isInterleaved
    let count = step.contexts.count
    return KernelPlan(
      launches: [problem.decodeLaunch(on: traits, cache: operand("cache"))],
      counts: StepCounts(tokens: count, sequences: count, scoredRows: count, decodes: count),
      scratch: ["partials": problem.partialsElements(on: traits) * 4], cacheBlocks: step.blockCount)
  }
}
