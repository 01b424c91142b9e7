import NeedletailGraph
import NeedletailKernels
import NeedletailTesting

extension GPUCheck {
  static let sampling: [GPUCheck] = [
    GPUCheck.kernel("kernel/sample") {
      SampleCUDACase.cases(random: 24)
    } plan: {
      sample($0, $1)
    },
    GPUCheck.kernel("kernel/sample_greedy") {
      SampleCUDACase.edges.filter { problem in
        problem.rows.isBare && problem.rows.rows.allSatisfy { $0 == Reference.Sampling() }
      }
    } plan: {
      sample($0, $1, isPlain: true)
    },
    // Room for as many rows as a large batch has: other clusters, fewer blocks a row.
    GPUCheck.kernel("kernel/sample, of up to 256 rows") {
      SampleCUDACase.cases(random: 4, seed: 2)
    } plan: {
      sample($0, $1, maximumRows: 256)
    },
    GPUCheck.repeats("repeat/sample", runs: 1000) {
      var bare = SampleCase(vocabulary: 128_256, Array(repeating: Reference.Sampling(), count: 4), grain: 1)
      bare.isBare = true
      let rows = SampleCase.options(vocabulary: 32_003, count: 11, seed: 5)
      return [SampleCUDACase(bare), SampleCUDACase(SampleCase(vocabulary: 32_003, rows, top: 5))]
    } plan: {
      sample($0, $1)
    },
  ]

  private static func sample(
    _ problem: SampleCUDACase, _ traits: GPUTraits, maximumRows: Int? = nil, isPlain: Bool = false
  ) -> KernelPlan {
    let count = problem.rows.rows.count
    let sampling = GPUSampling(
      vocabulary: problem.rows.vocabulary, maximumRows: maximumRows ?? count, on: traits)
    return KernelPlan(
      launches: sampling.launches(isPlain: isPlain),
      counts: StepCounts(tokens: count, sequences: count, scoredRows: count),
      scratch: ["workspace": sampling.workspaceBytes])
  }
}
