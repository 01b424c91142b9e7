import NeedletailGraph
import NeedletailKernels
import NeedletailTesting

extension GPUCheck {
  static let rope: [GPUCheck] = [
    GPUCheck.kernel("kernel/rope_table") {
      RopeTableCase.cases(random: 20)
    } plan: { problem, _ in
      let count = problem.positions.count
      return KernelPlan(
        launches: [GPURope.table(dimensions: 2 * problem.half, tokens: .tokens)],
        counts: StepCounts(tokens: count, sequences: 1, scoredRows: 1))
    },
    GPUCheck.kernel("kernel/rope_cache_write") {
      RopeCacheWriteCase.cases(random: 16).map { problem in
        var problem = problem
        (problem.blockSize, problem.gap) = (64, 8)
        return problem
      }
    } plan: { problem, _ in
      let shape = problem.shape
      // Rows of heads start where vectors of as many elements as divide the heads' sizes may start.
      let vector = min(8, shape.headDim & -shape.headDim)
      guard !problem.isMerged || shape.kvHeads * shape.valueDim % vector == 0 else { return nil }
      let launch = GPURope.cacheWrite(
        heads: problem.hasQueries ? shape.heads : 0, kvHeads: problem.hasKeys ? shape.kvHeads : 0,
        headDim: shape.headDim, valueDim: shape.valueDim, rotaryDim: problem.rotaryDim,
        isInterleaved: problem.isInterleaved, input: problem.x, query: problem.out, cache: problem.cache)
      return KernelPlan(
        launches: [launch], counts: StepCounts(tokens: problem.tokens, sequences: 1, scoredRows: 1))
    },
  ]
}
