import NeedletailGraph
import NeedletailKernels
import Testing

/// How weights are filled and converted on a GPU.
@Suite struct GPUWeightsTests {
  private let step = StepCounts(tokens: 1, sequences: 1, scoredRows: 1)

  @Test func threadsCoverTheColumns() {
    for columns in [1, 8, 64, 4099, 28_672] {
      let launch = GPUWeights.dummy(rows: 3, columns: columns, out: .float16)
      #expect(launch.grid[0].value(in: step) * launch.threads * 8 >= columns)
      #expect(launch.grid[1].value(in: step) == 3)
    }
    #expect(GPUWeights.dummy(rows: 1 << 20, columns: 8, out: .float32).grid[1].value(in: step) == 32_768)
  }

  @Test func tilesCoverATransposedSource() {
    let launch = GPUWeights.convert(rows: 130, columns: 65, isTransposed: true, x: .float32, out: .bfloat16)
    #expect(launch.grid.map { $0.value(in: step) } == [2, 3])
    #expect(
      launch.function
        == GPUFunction(
          "weights/convert_rows.cu", entry: "convert_rows", ["NT_X": 1, "NT_OUT": 3, "NT_TRANSPOSED": 1]))
  }
}
