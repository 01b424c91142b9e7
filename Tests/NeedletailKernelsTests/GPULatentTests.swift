import NeedletailGraph
import NeedletailKernels
import Testing

/// How latent attention and products by heads run on GPUs, as values.
struct GPULatentTests {
  static func problem(_ heads: Int, headDim: Int = 576, valueDim: Int = 512, cache: DType = .bfloat16)
    -> AttentionProblem
  {
    AttentionProblem(
      heads: heads, kvHeads: 1, headDim: headDim, valueDim: valueDim, input: cache, cache: cache, out: cache,
      limits: PlanLimits(tokens: 8192, sequences: 256, scoredRows: 256, sequenceLength: 32_768, blockSize: 64))
  }

  private func defines(_ launch: GPULaunch?) -> [String: Int] {
    Dictionary((launch?.function.defines ?? []).map { ($0.name, $0.value) }) { first, _ in first }
  }

  @Test func blocksHaveAsManyRowsAsSharedMemoryTakes() throws {
    let kinds: [(GPUTraits, rows: Int, stages: Int)] = [(.h200, 64, 2), (.b200, 64, 2), (.a100, 64, 1), (.l40s, 16, 1)]
    for (gpu, rows, stages) in kinds {
      for decodes in [true, false] {
        let launch = try #require(Self.problem(128).latentLaunch(decodes: decodes, on: gpu))
        #expect(defines(launch)["NT_ROWS"] == rows && defines(launch)["NT_STAGES"] == stages, "\(gpu.architecture)")
        #expect(launch.sharedBytes <= gpu.sharedBytesPerBlock && launch.threads == 256)
        #expect(launch.condition == (decodes ? .decodes : .prefills))
      }
    }
    #expect(defines(Self.problem(16).latentLaunch(decodes: true, on: .h200))["NT_ROWS"] == 16)
    #expect(defines(Self.problem(20).latentLaunch(decodes: true, on: .h200))["NT_ROWS"] == 32)
    #expect(defines(Self.problem(16).latentLaunch(decodes: false, on: .h200))["NT_ROWS"] == 64)
  }

  @Test func partsOfSequencesFitTheirMemory() {
    for heads in [1, 16, 128] {
      let problem = Self.problem(heads)
      let splits = defines(problem.latentLaunch(decodes: true, on: .h200))["NT_SPLITS"] ?? 0
      #expect(splits >= 1 && splits <= 132)
      #expect(problem.latentPartialsElements(on: .h200) * 4 <= 512 << 20)
    }
  }

  @Test func fewSequencesAreDividedFiner() {
    var problem = Self.problem(16)
    #expect(defines(problem.latentLaunch(decodes: true, on: .h200))["NT_SPLIT_TILES"] == 8)
    problem.limits.sequences = 1
    let launch = defines(problem.latentLaunch(decodes: true, on: .h200))
    #expect(launch["NT_SPLIT_TILES"] == 4 && launch["NT_SPLITS"] == 128)
  }

  @Test func otherAttentionHasNoKernel() {
    var problem = Self.problem(16)
    problem.window = 100
    #expect(problem.latentLaunch(decodes: true, on: .h200) == nil)
    problem.window = nil
    problem.chunk = 100
    #expect(problem.latentLaunch(decodes: false, on: .h200) == nil)
    #expect(Self.problem(16, headDim: 1024, valueDim: 1024).latentLaunch(decodes: false, on: .h200) == nil)
    #expect(
      Self.problem(16, cache: .float32).latentLaunch(decodes: true, on: .h200)?.function.entry
        == "prefill_attention_f32")
    #expect(Self.problem(16, cache: .float32).latentLaunch(decodes: true, on: .l40s) == nil)
    for (headDim, valueDim) in [(41, 37), (24, 20), (580, 512)] {
      let odd = Self.problem(5, headDim: headDim, valueDim: valueDim)
      for decodes in [true, false] {
        let launch = odd.latentLaunch(decodes: decodes, on: .h200)
        #expect(
          launch?.function.entry == "prefill_attention_f32" && defines(launch)["NT_IN"] == Int(DType.bfloat16.rawValue))
        #expect(defines(launch)["NT_DECODES"] == (decodes ? 1 : 0))
      }
    }
  }

  @Test func productsByHeadsUseTensorCoresWhereRowsAreAligned() {
    func launch(n: Int, k: Int, isTransposed: Bool, _ dtype: DType = .bfloat16, rows: Int = 1) -> GPULaunch {
      HeadLinearProblem(
        rows: .tokens, heads: 16, n: n, k: k, isTransposed: isTransposed, x: dtype, weight: dtype, out: dtype
      ).launch(maximumRows: rows)
    }
    #expect(launch(n: 512, k: 128, isTransposed: true).function.entry == "head_linear")
    #expect(defines(launch(n: 128, k: 512, isTransposed: false))["NT_TILE_M"] == 16)
    #expect(defines(launch(n: 128, k: 512, isTransposed: false, rows: 17))["NT_TILE_M"] == 64)
    #expect(launch(n: 20, k: 12, isTransposed: false).function.entry == "head_linear_plain")
    #expect(launch(n: 20, k: 16, isTransposed: true).function.entry == "head_linear_plain")
    #expect(launch(n: 512, k: 128, isTransposed: true, .float32).function.entry == "head_linear_plain")
  }
}
