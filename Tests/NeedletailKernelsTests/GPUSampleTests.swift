import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels
import Testing

/// How sampling is launched on a GPU.
@Suite struct GPUSampleTests {
  private let step = StepCounts(tokens: 1, sequences: 1, scoredRows: 1)

  private func value(_ name: String, _ launch: GPULaunch) -> Int {
    launch.function.defines.first { $0.name == name }?.value ?? -1
  }

  @Test func plainRowsNeedOneLaunch() {
    let sampling = GPUSampling(vocabulary: 128_256, maximumRows: 4, on: .h200)
    #expect(sampling.launches(isPlain: true).map(\.function.entry) == ["sample_greedy"])
    #expect(sampling.launches(isPlain: false).map(\.function.entry) == ["sample_greedy", "sample"])
  }

  @Test(arguments: [1, 33, 4097, 32_000, 128_256, 151_936, 262_144, 300_000])
  func aRowFitsWhereItLies(vocabulary: Int) {
    var ampere = GPUTraits.h200
    ampere.architecture = "sm_80"
    ampere.sharedBytesPerBlock = 166_912
    for gpu in [GPUTraits.h200, ampere] {
      for rows in [1, 16, 64, 256] {
        let sampling = GPUSampling(vocabulary: vocabulary, maximumRows: rows, on: gpu)
        let launch = sampling.launches(isPlain: false)[1]
        #expect(launch.sharedBytes <= gpu.sharedBytesPerBlock)
        #expect(launch.cluster == 1 || gpu.hasBulkCopies)
        let blocks = launch.grid[0].value(in: step)
        #expect(blocks % launch.cluster == 0)
        #expect(blocks >= launch.cluster && blocks <= rows * launch.cluster)
        #expect(blocks <= 2 * gpu.multiprocessors)
        #expect(launch.threads == value("NT_WARPS", launch) * 32)
        if value("NT_IN_SHARED", launch) == 1 {
          #expect(launch.sharedBytes > vocabulary / launch.cluster * 4)
        } else {
          #expect(launch.cluster == 1)
          #expect(sampling.workspaceBytes >= blocks * vocabulary * 4)
        }
      }
    }
  }

  @Test func theWorkspaceHoldsThePartsOfGreedyRows() {
    for rows in [1, 3, 64, 256] {
      let sampling = GPUSampling(vocabulary: 128_256, maximumRows: rows, on: .h200)
      let grid = sampling.launches(isPlain: true)[0].grid.map { $0.value(in: step) }
      #expect(grid[1] == rows)
      #expect(sampling.workspaceBytes >= grid[0] * rows * 8)
      #expect(sampling.counterCount == rows)
    }
  }

  @Test func plainRows() {
    var row = nt_sampling_row()
    row.mask_start = -1
    row.top_p = 1
    row.repetition_penalty = 1
    #expect(row.isPlain)
    row.history_count = 9
    #expect(row.isPlain, "a history without penalties changes nothing")
    func changed(_ change: (inout nt_sampling_row) -> Void) -> nt_sampling_row {
      var copy = row
      change(&copy)
      return copy
    }
    #expect(!changed { $0.temperature = 0.5 }.isPlain)
    #expect(!changed { $0.presence_penalty = 0.5 }.isPlain)
    #expect(!changed { $0.bias_count = 1 }.isPlain)
    #expect(!changed { $0.mask_start = 0 }.isPlain)
    #expect(!changed { $0.wants_logprob = 1 }.isPlain)
    #expect(!changed { $0.top_logprobs = 1 }.isPlain)
    #expect(changed { $0.temperature = -1 }.isPlain)
    #expect(changed { $0.temperature = .nan }.isPlain)
  }
}
