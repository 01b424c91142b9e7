import NeedletailGraph
import NeedletailKernels
import Testing

/// How norms are launched on a GPU.
@Suite struct GPUNormTests {
  private func launch(_ width: Int, rows: Int, on gpu: GPUTraits = .h200) -> GPULaunch {
    GPURMSNorm(rows: .tokens, maximumRows: rows, width: width, x: .bfloat16, out: .bfloat16).launch(on: gpu)
  }
  private func value(_ name: String, _ launch: GPULaunch) -> Int? {
    launch.function.defines.first { $0.name == name }?.value
  }

  @Test(arguments: [1, 7, 256, 257, 4096, 4097, 8192, 16_384, 16_392, 32_768])
  func aBlockHoldsARow(width: Int) {
    for rows in [1, 64, 8192] {
      let launch = launch(width, rows: rows)
      let held = value("NT_HELD", launch) ?? 0
      let warps = value("NT_WARPS", launch) ?? 0
      #expect(held > 0)
      #expect(warps * held * 256 >= width, "\(rows) rows of \(width)")
      #expect((warps - 1) * held * 256 < width, "no idle warp: \(rows) rows of \(width)")
      #expect(launch.threads == warps * 32 && launch.threads <= 1024)
    }
  }

  @Test func rowsTooWideAreReadAgain() {
    let launch = launch(32_769, rows: 8)
    #expect(value("NT_HELD", launch) == 0)
    #expect(launch.threads == 1024)
  }

  @Test func fewRowsSpreadOverMoreWarps() {
    #expect(launch(4096, rows: 64).threads == 512)
    #expect(launch(4096, rows: 8192).threads < 512)
  }

  @Test func operandsThatAreNotThereAreZero() {
    let plain = launch(4096, rows: 1)
    #expect(value("NT_DELTA", plain) == 0)
    #expect(value("NT_SUM", plain) == 0)
    let sum = GPURMSNorm(
      rows: .tokens, maximumRows: 1, width: 64, centers: true, x: .float16, delta: .float32, sum: .float16, out: nil
    ).launch(on: .h200)
    #expect(value("NT_DELTA", sum) == 1)
    #expect(value("NT_SUM", sum) == 2)
    #expect(value("NT_OUT", sum) == 0)
    #expect(value("NT_CENTER", sum) == 1)
  }

  @Test func aBlockForEachRowOfTheStep() {
    let launch = launch(4096, rows: 64)
    #expect(launch.grid[0].value(in: StepCounts(tokens: 3, sequences: 3, scoredRows: 3)) == 3)
    #expect(launch.grid[0].value(in: StepCounts(tokens: 0, sequences: 0, scoredRows: 0)) == 0)
  }
}
