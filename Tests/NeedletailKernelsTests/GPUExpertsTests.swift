import NeedletailGraph
import Testing

@testable import NeedletailKernels

@Suite struct GPUExpertsTests {
  private let weight = BufferReference(.weight(0))
  private let x = BufferReference(.activations)
  private let ada = GPUTraits(
    architecture: "sm_89", multiprocessors: 76, sharedBytesPerBlock: 101_376, l2Bytes: 64 << 20)

  private func mixtral(_ rows: Int, _ dtype: DType = .bfloat16) -> ExpertsProblem {
    ExpertsProblem(
      rows: .tokens, maximumRows: rows, experts: 8, choices: 2, width: 4096, inner: 14336, x: dtype, weight: dtype,
      activation: .silu)
  }

  private func qwen(_ rows: Int) -> ExpertsProblem {
    ExpertsProblem(
      rows: .tokens, maximumRows: rows, experts: 128, choices: 8, width: 2048, inner: 768, x: .bfloat16,
      weight: .bfloat16, activation: .silu)
  }

  private func define(_ name: String, _ launch: GPULaunch?) -> Int? {
    launch?.function.defines.first { $0.name == name }?.value
  }

  private func counts(_ tokens: Int) -> StepCounts { StepCounts(tokens: tokens, sequences: tokens, scoredRows: tokens) }

  @Test(arguments: [1, 2, 8, 16, 32, 64])
  func fewTokensStreamTheChosenWeights(rows: Int) throws {
    for gpu in [GPUTraits.h200, ada] {
      for problem in [mixtral(rows), qwen(rows)] where problem.takesFewKernels(on: gpu) {
        for part in [ExpertsProblem.Part.gateUp, .down] {
          let launch = try #require(problem.fewLaunch(part, on: gpu, x: x, weight: weight, out: .bfloat16))
          #expect(launch.sharedBytes <= gpu.sharedBytesPerBlock)
          #expect(launch.grid[0].value(in: counts(rows)) <= gpu.multiprocessors)
          #expect(launch.threads == 512)
          #expect(try #require(define("NT_STAGES", launch)) >= 2)
        }
      }
    }
  }

  @Test func whereStreamingEnds() {
    #expect(mixtral(32).takesFewKernels(on: .h200))
    #expect(!mixtral(64).takesFewKernels(on: .h200), "more than 8 pairs an expert")
    #expect(mixtral(64).takesFewKernels(on: ada))
    #expect(qwen(64).takesFewKernels(on: .h200))
    #expect(!mixtral(65).takesFewKernels(on: ada))
    #expect(!mixtral(1, .float32).takesFewKernels(on: .h200))
    var problem = mixtral(1)
    problem.isDeterministic = true
    #expect(!problem.takesFewKernels(on: .h200))
    // One expert of 14 tiles would leave most multiprocessors without any.
    problem = mixtral(32)
    (problem.experts, problem.choices, problem.width) = (1, 1, 3584)
    #expect(problem.takesFewKernels(on: .h200))
    // What Hopper's other kernel does not take.
    problem = mixtral(64)
    problem.inner = 14330
    #expect(problem.takesFewKernels(on: .h200))
    problem = mixtral(64)
    problem.isAligned = false
    #expect(problem.takesFewKernels(on: .h200))
  }

  /// A token's sums are taken in slices of k in all steps of up to 64 tokens, or in none.
  @Test(arguments: [(8, 2), (128, 8), (2, 2), (1, 1), (512, 10), (40, 16), (40, 17), (600, 2)])
  func sumsOfDecodingHaveOneOrder(experts: Int, choices: Int) {
    for gpu in [GPUTraits.h200, ada] {
      for dtype in [DType.bfloat16, .float16, .float32] {
        let orders = [1, 2, 4, 8, 16, 32, 64].map { rows in
          var problem = mixtral(rows, dtype)
          (problem.experts, problem.choices) = (experts, choices)
          let isSliced = problem.isSliced(on: gpu)
          if problem.takesFewKernels(on: gpu) {
            #expect(problem.fewLaunch(.down, on: gpu, x: x, weight: weight, out: .float32) != nil)
            return true
          }
          let launch = problem.sortedLaunch(.down, on: gpu, x: x, weight: weight, out: .float32)
          #expect(!isSliced || define("NT_SLICED", launch) == 1)
          return isSliced
        }
        #expect(Set(orders) == [dtype != .float32 && experts <= 512 && choices <= 16])
      }
    }
  }

  @Test func shortSumsTakeMoreTiles() {
    let (long, short) = (mixtral(1), qwen(1))
    let launches = [(long, ExpertsProblem.Part.gateUp, 2), (long, .down, 1), (short, .gateUp, 2), (short, .down, 4)]
    for (problem, part, tiles) in launches {
      let launch = problem.fewLaunch(part, on: .h200, x: x, weight: weight, out: .bfloat16)
      #expect(define("NT_TILES", launch) == tiles)
      #expect(define("NT_ROWS", launch) == 8)
      #expect(define("NT_GATHERS", launch) == (part == .gateUp ? 1 : 0))
    }
    #expect(
      define("NT_ROWS", mixtral(32).fewLaunch(.gateUp, on: .h200, x: x, weight: weight, out: .bfloat16)) == 16)
  }

  @Test(arguments: [(4096, 0, 32), (4104, 0, 8), (4099, 0, 1), (4096, 8, 1)])
  func alignmentIsThatOfRowsAndPlaces(width: Int, offset: Int, columns: Int) {
    var problem = mixtral(1)
    problem.width = width
    let launch = problem.fewLaunch(.gateUp, on: .h200, x: x, weight: weight + offset, out: .bfloat16)
    #expect(define("NT_COLUMNS", launch) == columns)
  }

  /// The tiles that random counts of rows need are never more than there are blocks.
  @Test(arguments: [1, 3, 64, 100, 2048])
  func gridsHoldEveryDistribution(tokens: Int) {
    var generator = SystemRandomNumberGenerator()
    for problem in [mixtral(tokens, .float32), qwen(tokens)] {
      let launch = problem.sortedLaunch(.gateUp, on: ada, x: x, weight: weight, out: problem.weight)
      let tileRows = define("NT_TILE_M", launch) ?? 0
      let tileWidth = (define("NT_TILE_N", launch) ?? 128) / 2
      let columns = (problem.inner + tileWidth - 1) / tileWidth
      for spread in [1, 2, problem.experts] {
        var rows = [Int](repeating: 0, count: problem.experts)
        for _ in 0..<tokens * problem.choices { rows[Int.random(in: 0..<spread, using: &generator)] += 1 }
        let tiles = rows.reduce(0) { $0 + ($1 + tileRows - 1) / tileRows } * columns
        #expect(launch.grid[0].value(in: counts(tokens)) >= tiles)
      }
    }
  }

  @Test func hopperCopiesStayWithinRowsAndWeights() throws {
    let problem = mixtral(2048)
    for part in [ExpertsProblem.Part.gateUp, .down] {
      let launch = problem.sortedLaunch(part, on: .h200, x: x, weight: weight, out: .bfloat16)
      #expect(launch.function.source == "experts/sm90_experts.cu")
      #expect(launch.sharedBytes <= GPUTraits.h200.sharedBytesPerBlock)
      #expect(launch.grid[0].value(in: counts(2048)) == 132)
      let (rows, weights) = (launch.tensorMaps[0], launch.tensorMaps[1])
      #expect(rows.dimensions[1] == 4096 + GPUSortedExperts.spareRows)
      #expect(rows.box == [64, 32])
      #expect(weights.dimensions == (part == .gateUp ? [4096, 8 * 28672] : [14336, 8 * 4096]))
      #expect(weights.box == [64, 128])
      #expect(define("NT_ROWS", launch) == 160)
      #expect(define("NT_SLICED", launch) == 0)
    }
  }

  @Test(arguments: [1, 16, 64, 65, 256, 2048, 65_536])
  func hopperTilesFitIntoABlock(rows: Int) throws {
    for problem in [mixtral(rows), qwen(rows)] {
      for (part, out) in [(ExpertsProblem.Part.gateUp, DType.bfloat16), (.down, .bfloat16), (.down, .float32)] {
        let launch = problem.sortedLaunch(part, on: .h200, x: x, weight: weight, out: out)
        #expect(launch.sharedBytes <= GPUTraits.h200.sharedBytesPerBlock)
        #expect(try #require(define("NT_STAGES", launch)) >= 4)
      }
    }
  }

  @Test func otherShapesHaveOtherKernels() {
    var odd = mixtral(2048)
    odd.inner = 14331
    let launches = [
      odd.sortedLaunch(.gateUp, on: .h200, x: x, weight: weight, out: .bfloat16),
      odd.sortedLaunch(.down, on: .h200, x: x, weight: weight, out: .bfloat16),
      mixtral(2048).sortedLaunch(.down, on: ada, x: x, weight: weight, out: .bfloat16),
      mixtral(2048, .float32).sortedLaunch(.down, on: .h200, x: x, weight: weight, out: .float32),
    ]
    #expect(
      launches.map(\.function.entry) == ["mma_experts", "mma_experts", "mma_experts", "simt_experts"])
    #expect(define("NT_ALIGNED", launches[1]) == 0)
  }

  @Test(arguments: [(1, 8), (64, 128), (65_536, 128), (8, 512), (100_000, 512)])
  func sortingFitsIntoOneBlock(pairs: Int, experts: Int) {
    for gpu in [GPUTraits.h200, ada] {
      let launch = GPUSortedExperts.sort(maximumPairs: pairs, experts: experts, on: gpu)
      #expect(launch.threads >= 32 && launch.threads <= 1024 && launch.threads % 32 == 0)
      #expect(launch.sharedBytes == launch.threads / 32 * experts * 4)
      #expect(launch.sharedBytes + 1024 <= gpu.sharedBytesPerBlock)
    }
  }

  @Test func routersOfAllSizes() {
    for (experts, lane) in [(1, 1), (8, 1), (33, 2), (60, 2), (128, 4), (160, 8), (257, 16), (512, 16)] {
      let routing = Routing(min(4, experts), .softmax)
      #expect(GPURoute.applies(routing, experts: experts))
      let launch = GPURoute.launch(routing, rows: .tokens, experts: experts, logits: .float32)
      #expect(define("NT_LANE_EXPERTS", launch) == lane)
    }
    #expect(!GPURoute.applies(Routing(4, .softmax), experts: 513))
    #expect(!GPURoute.applies(Routing(33, .softmax), experts: 64))
  }
}
