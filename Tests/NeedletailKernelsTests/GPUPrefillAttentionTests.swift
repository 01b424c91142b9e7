import NeedletailGraph
import Testing

@testable import NeedletailKernels

@Suite struct GPUPrefillAttentionTests {
  let q = BufferReference(.activations, offset: 4096)
  let cache = BufferReference(.cache(layer: 3))

  func problem(_ headDim: Int, _ valueDim: Int? = nil, cache: DType = .bfloat16) -> AttentionProblem {
    let limits = PlanLimits(tokens: 8192, sequences: 64, scoredRows: 64, sequenceLength: 32_768, blockSize: 64)
    return AttentionProblem(
      heads: 32, kvHeads: 8, headDim: headDim, valueDim: valueDim ?? headDim, input: cache, cache: cache, out: cache,
      limits: limits)
  }
  func launch(_ problem: AttentionProblem, on gpu: GPUTraits = .h200) -> GPULaunch {
    problem.prefillLaunch(on: gpu, q: q, cache: cache)
  }
  func value(_ name: String, of launch: GPULaunch) -> Int? {
    launch.function.defines.first { $0.name == name }?.value
  }

  @Test func hopperUsesItsOwnKernel() throws {
    let launch = launch(problem(128))
    #expect(launch.function.source == "attention/sm90_prefill_attention.cu")
    #expect(launch.function.entry == "sm90_prefill_attention")
    #expect(launch.condition == .prefills)
    #expect(value("NT_GROUP", of: launch) == 4)
    #expect(value("NT_IN", of: launch) == 3)
    #expect(launch.choice.hasPrefix("measured on H200"))
    let map = try #require(launch.tensorMaps.first)
    #expect(map.base == cache)
    #expect(map.dimensions == [128, 1024])
    #expect(map.strides == [256])
    #expect(map.isPerCacheBlock)
    // Blocks stay and take tiles: their number does not depend on the step.
    #expect(launch.grid.map { $0.value(in: StepCounts(tokens: 9, sequences: 3, scoredRows: 1)) } == [132])
  }

  @Test(arguments: [64, 96, 128, 192, 256]) func sharedMemorySuffices(headDim: Int) {
    let launch = launch(problem(headDim))
    #expect(launch.function.entry == "sm90_prefill_attention")
    #expect(launch.sharedBytes <= GPUTraits.h200.sharedBytesPerBlock)
  }

  @Test func otherShapesAndGPUsUseMatrixInstructionsOfWarps() {
    let ampere = GPUTraits(
      architecture: "sm_80", multiprocessors: 108, sharedBytesPerBlock: 166_912, l2Bytes: 41_943_040)
    for launch in [
      launch(problem(80)), launch(problem(192, 128)), launch(problem(8)), launch(problem(128), on: ampere),
    ] {
      #expect(launch.function.entry == "prefill_attention")
      #expect(launch.tensorMaps.isEmpty)
    }
    #expect(launch(problem(128), on: ampere).choice == "rule: no wgmma on sm_80, 64 rows by 64 keys")
    #expect(launch(problem(192, 128)).choice == "rule: keys of 192, values of 128, 64 rows by 64 keys")
    // The largest heads fit a block of any GPU (sm_89 has the least, 99 KiB).
    #expect(launch(problem(256), on: ampere).sharedBytes <= 101_376)
  }

  @Test func float32CachesHaveTheirOwn() {
    let launch = launch(problem(64, cache: .float32))
    #expect(launch.function.entry == "prefill_attention_f32")
    #expect(launch.sharedBytes == 4 * (8 * 64 + 32 * 65 + 32 * 64))
  }

  @Test func thereIsABlockForEveryTile() {
    let launch = launch(problem(80))
    let lengths = [1, 63, 64, 65, 300, 17]
    // Four heads of a group share a kv head: a sequence has 4 rows a token for each of the 8 kv heads.
    let tiles = lengths.map { ($0 * 4 + 63) / 64 * 8 }.reduce(0, +)
    let counts = StepCounts(tokens: lengths.reduce(0, +), sequences: lengths.count, scoredRows: 1)
    #expect(launch.grid.count == 1)
    #expect(launch.grid[0].value(in: counts) >= tiles)
  }

  @Test func featuresAreConstantsOfTheKernel() {
    var problem = problem(128)
    #expect(value("NT_WINDOWED", of: launch(problem)) == 0)
    problem.window = 4096
    problem.hasSoftcap = true
    problem.hasSlopes = true
    problem.hasSinks = true
    let launch = launch(problem)
    for name in ["NT_WINDOWED", "NT_SOFTCAP", "NT_SLOPES", "NT_SINKS"] { #expect(value(name, of: launch) == 1) }
    #expect(launch.function != self.launch(self.problem(128)).function)
  }
}
