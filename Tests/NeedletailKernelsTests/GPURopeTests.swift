import NeedletailGraph
import NeedletailKernels
import Testing

struct GPURopeTests {
  func blocks(_ launch: GPULaunch, tokens: Int) -> Int {
    launch.grid[0].value(in: StepCounts(tokens: tokens, sequences: 1, scoredRows: 1))
  }

  @Test(arguments: [2, 20, 64, 128, 192, 512], [1, 3, 128, 8191])
  func everyAngleHasAThread(dimensions: Int, tokens: Int) {
    let launch = GPURope.table(dimensions: dimensions, tokens: .tokens)
    let angles = tokens * dimensions / 2
    #expect(blocks(launch, tokens: tokens) * launch.threads >= angles)
    #expect(blocks(launch, tokens: tokens) * launch.threads <= 2 * angles + 2 * launch.threads)
  }

  @Test func aBlockPerToken() {
    let launch = GPURope.cacheWrite(
      heads: 32, kvHeads: 8, headDim: 128, valueDim: 128, rotaryDim: 128, isInterleaved: false, input: .bfloat16,
      query: .bfloat16, cache: .bfloat16)
    #expect(blocks(launch, tokens: 77) == 77)
    #expect(launch.threads == 256)
    #expect(launch.condition == .prefills)
    #expect(!launch.runs(in: StepCounts(tokens: 4, sequences: 4, scoredRows: 4, decodes: 4)))
    #expect(launch.runs(in: StepCounts(tokens: 5, sequences: 5, scoredRows: 5, decodes: 4)))
  }

  @Test func smallHeadsGetSmallBlocks() {
    let launch = GPURope.cacheWrite(
      heads: 2, kvHeads: 0, headDim: 16, valueDim: 16, rotaryDim: 16, isInterleaved: true, input: .float32,
      query: .float32, cache: .float32, condition: .always)
    #expect(launch.threads == 32)
    #expect(launch.function.defines.contains { $0.name == "NT_THREADS" && $0.value == 32 })
  }
}
