import NeedletailGraph
import NeedletailKernels
import Testing

struct GPUDecodeAttentionTests {
  static let limits = PlanLimits(
    tokens: 8192, sequences: 256, scoredRows: 256, sequenceLength: 131_072, blockSize: 64)
  static let cache = BufferReference(.cache(layer: 3))

  static func problem(
    heads: Int, kvHeads: Int, headDim: Int, valueDim: Int? = nil, cache: DType = .bfloat16
  ) -> AttentionProblem {
    AttentionProblem(
      heads: heads, kvHeads: kvHeads, headDim: headDim, valueDim: valueDim ?? headDim, input: cache, cache: cache,
      out: cache, limits: limits)
  }

  func value(_ name: String, of launch: GPULaunch) -> Int? {
    launch.function.defines.first { $0.name == name }?.value
  }

  @Test func oneItemForEachMultiprocessorOfALongSequence() {
    let launch = Self.problem(heads: 32, kvHeads: 8, headDim: 128).decodeLaunch(on: .h200, cache: Self.cache)
    #expect(launch.function.source == "attention/decode_attention.cu")
    #expect(launch.condition == .decodes)
    #expect(value("NT_SPLITS", of: launch) == 16)
    #expect(value("NT_GROUP", of: launch) == 4)
    let counts = { StepCounts(tokens: $0, sequences: $0, scoredRows: $0, decodes: $0) }
    #expect(launch.grid.map { $0.value(in: counts(1)) } == [128])
    #expect(launch.grid.map { $0.value(in: counts(64)) } == [264])
    #expect(launch.grid.map { $0.value(in: counts(0)) } == [0])
  }

  @Test(arguments: [64, 80, 128, 192, 256], [1, 4, 8, 16, 20])
  func twoBlocksFitAMultiprocessorOrOneDoes(headDim: Int, group: Int) throws {
    let launch = Self.problem(heads: 2 * group, kvHeads: 2, headDim: headDim).decodeLaunch(on: .h200, cache: Self.cache)
    let blocks = try #require(value("NT_BLOCKS", of: launch))
    #expect(blocks == (headDim <= 128 && group <= 8 ? 2 : 1))
    #expect((launch.sharedBytes + 1024) * blocks <= 228 * 1024)
    #expect(launch.sharedBytes % 1024 == 0)
    // Enough is on its way to hide the memory's latency.
    let stages = try #require(value("NT_STAGES", of: launch))
    #expect(stages * blocks * headDim * 256 >= 40 * 1024)
  }

  @Test func smallerGPUsGetASmallerRing() throws {
    let ada = GPUTraits(architecture: "sm_89", multiprocessors: 128, sharedBytesPerBlock: 101_376, l2Bytes: 75_497_472)
    let launch = Self.problem(heads: 32, kvHeads: 8, headDim: 128).decodeLaunch(on: ada, cache: Self.cache)
    #expect(launch.sharedBytes <= ada.sharedBytesPerBlock)
    #expect(value("NT_STAGES", of: launch) == 2)
    #expect(launch.tensorMaps.isEmpty)
  }

  @Test func mapsDescribeKeysAndValues() {
    let problem = Self.problem(heads: 16, kvHeads: 2, headDim: 192, valueDim: 128)
    let maps = problem.decodeLaunch(on: .h200, cache: Self.cache).tensorMaps
    let values = Self.cache + 64 * 192 * 2
    #expect(maps.map(\.base) == [Self.cache, values, Self.cache, values])
    #expect(maps.map(\.dimensions) == [[192, 64, 2], [128, 64, 2], [192, 64, 2], [128, 64, 2]])
    #expect(maps[..<2].map(\.strides) == [[384, 64 * 640], [256, 64 * 640]])
    #expect(maps.allSatisfy { $0.isPerCacheBlock && $0.swizzle == 128 })
    #expect(maps.map(\.box) == [[64, 64, 1], [64, 64, 1], [64, 16, 1], [64, 16, 1]])
  }

  @Test func othersGetThePlainKernel() {
    for problem in [
      Self.problem(heads: 4, kvHeads: 2, headDim: 64, cache: .float32), Self.problem(heads: 4, kvHeads: 2, headDim: 20),
    ] {
      let launch = problem.decodeLaunch(on: .h200, cache: Self.cache)
      #expect(launch.function.source == "attention/decode_attention_plain.cu")
      #expect(launch.tensorMaps.isEmpty)
      #expect(launch.threads == 128)
    }
  }

  @Test func workspaceCoversEveryPart() {
    var problem = Self.problem(heads: 32, kvHeads: 8, headDim: 128)
    let states = 256 * 8 * 16 * 4
    #expect(problem.partialsElements(on: .h200) == states * 2 + states * 128)
    // A window of 512 positions has at most 9 tiles, 3 parts.
    problem.window = 512
    #expect(problem.partialsElements(on: .h200) == (states * 2 + states * 128) / 16 * 3)
  }
}
