import NeedletailGraph
import NeedletailKernels
import Testing

/// How element-wise kernels are launched on a GPU.
@Suite struct GPUElementwiseTests {
  private let step = StepCounts(tokens: 70_000, sequences: 5, scoredRows: 5)

  @Test(arguments: [1, 7, 8, 33, 4096, 4097, 14_336])
  func threadsCoverTheWidth(width: Int) {
    let launch = GPUElementwise.gatedActivation(.silu, rows: .tokens, width: width, x: .bfloat16, out: .bfloat16)
    let columns = launch.grid[0].value(in: step) * launch.threads * 8
    #expect(columns >= width)
    #expect(columns - width < launch.threads * 8)
    #expect(launch.threads % 32 == 0)
  }

  @Test func rowsPastTheGridAreLoopedOver() {
    let launch = GPUElementwise.unary(
      .gelu, hasSoftcap: false, rows: .tokens, width: 64, x: .float32, out: .float32)
    #expect(launch.grid[1].value(in: step) == 65_535)
    #expect(launch.grid[1].value(in: StepCounts(tokens: 3, sequences: 1, scoredRows: 1)) == 3)
  }

  @Test func valuesOfTypesAreThoseOfTheHeader() {
    let launch = GPUElementwise.binary(
      .divide, rows: .sequences, width: 10, a: .float32, b: .float16, out: .bfloat16)
    #expect(
      launch.function
        == GPUFunction(
          "elementwise/binary.cu", entry: "binary", ["NT_A": 1, "NT_B": 2, "NT_OUT": 3, "NT_OPERATION": 3]))
    #expect(launch.grid[1].value(in: step) == 5)
  }

  @Test func gatherHasARowForEachIndex() {
    let launch = GPUGatherRows.launch(rows: .scoredRows, width: 4096, x: .bfloat16, out: .float32)
    #expect(launch.grid.map { $0.value(in: step) } == [2, 5])
    #expect(launch.threads == 256)
  }
}
