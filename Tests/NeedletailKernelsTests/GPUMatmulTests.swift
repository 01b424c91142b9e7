import NeedletailGraph
import Testing

@testable import NeedletailKernels

/// The choice among the ways to compute a product of many rows, as values.
@Suite struct GPUMatmulTests {
  private let x = BufferReference(.activations), weight = BufferReference(.weight(0))
  private let ampere = GPUTraits(
    architecture: "sm_80", multiprocessors: 108, sharedBytesPerBlock: 166_912, l2Bytes: 41_943_040)

  private func problem(
    _ n: Int, _ k: Int, rows: Int = 8192, type: DType = .bfloat16, out: DType? = nil
  ) -> ProductProblem {
    ProductProblem(rows: .tokens, maximumRows: rows, n: n, k: k, x: type, weight: type, out: out ?? type)
  }

  private func kernel(
    _ problem: ProductProblem, on gpu: GPUTraits = .h200, libraries: Bool = false
  ) -> GPULaunch? {
    switch problem.largeLaunch(on: gpu, x: x, weight: weight, librariesAllowed: libraries) {
    case .kernel(let launch): launch
    case .library: nil
    }
  }

  private func value(_ launch: GPULaunch?, _ name: String) -> Int? {
    launch?.function.defines.first { $0.name == name }?.value
  }

  @Test func theArchitectureAndTypesChooseTheSource() {
    #expect(kernel(problem(6144, 4096))?.function.source == "matmul/sm90_matmul.cu")
    #expect(kernel(problem(6144, 4096), on: ampere)?.function.source == "matmul/mma_matmul.cu")
    #expect(kernel(problem(6144, 4096, type: .float32))?.function.source == "matmul/simt_matmul.cu")
    var mixed = problem(6144, 4096)
    mixed.x = .float32
    #expect(kernel(mixed)?.function.source == "matmul/simt_matmul.cu")
  }

  @Test func rowsThatAreNoMultipleOf16BytesAreNotForTheCopyEngine() {
    let odd = kernel(problem(64, 100))
    #expect(odd?.function.source == "matmul/mma_matmul.cu")
    #expect(value(odd, "NT_ALIGNED") == 0)
    let shifted = problem(64, 128).largeLaunch(
      on: .h200, x: x + 8, weight: weight, librariesAllowed: false)
    guard case .kernel(let launch) = shifted else { return #expect(Bool(false), "\(shifted)") }
    #expect(launch.function.source == "matmul/mma_matmul.cu")
  }

  @Test func everyConfigurationFitsTheKernel() {
    for n in [64, 1000, 2048, 4096, 6144, 28672, 128_256] {
      for k in [64, 2048, 4096, 14336] {
        for rows in [1, 65, 128, 256, 300, 512, 1024, 8192] {
          for gate in [nil, Activation.silu] {
            var problem = problem(n, k, rows: rows)
            problem.gate = gate
            guard let launch = kernel(problem) else { continue }
            let (tileRows, tileColumns) = (value(launch, "NT_TILE_M") ?? 0, value(launch, "NT_TILE_N") ?? 0)
            let split = value(launch, "NT_SPLIT") ?? 0, share = value(launch, "NT_SHARE") ?? 0
            #expect(tileRows / 128 * tileColumns <= 288 && tileColumns % 16 == 0)
            #expect(launch.sharedBytes <= GPUTraits.h200.sharedBytesPerBlock)
            #expect(launch.cluster == (share == 0 ? 1 : 2) * split)
            let parts = value(launch, "NT_PARTS") ?? 0
            #expect(parts == 1 || split == 1)
            #expect(split * parts == 1 || (gate == nil && tileColumns / 8 % (split * parts) == 0))
            let counts = StepCounts(tokens: rows, sequences: 1, scoredRows: 1)
            let blocks = launch.grid[0].value(in: counts)
            #expect(blocks > 0 && blocks <= 132 && blocks % (launch.cluster * parts) == 0)
            // Together the blocks' copies bring each tile whole.
            #expect(launch.tensorMaps[0].box == [64, share == 2 ? tileRows / 2 : min(tileRows, rows)])
            #expect(launch.tensorMaps[1].box == [64, share == 1 || gate != nil ? tileColumns / 2 : tileColumns])
            #expect(launch.tensorMaps[0].dimensions == [k, rows] && launch.tensorMaps[1].dimensions == [k, n])
          }
        }
      }
    }
  }

  @Test func deterministicProductsHaveOneOrderOverK() {
    var splits = 0
    for rows in [1, 64, 65, 128, 129, 256, 512, 8192] {
      for (n, k) in [(1000, 4096), (4096, 4096), (4096, 14336), (28672, 4096)] {
        var problem = problem(n, k, rows: rows)
        func parts(libraries: Bool = false) -> Int {
          ["NT_SPLIT", "NT_PARTS"].reduce(1) { $0 * (value(kernel(problem, libraries: libraries), $1) ?? 0) }
        }
        splits += parts() > 1 ? 1 : 0
        problem.isDeterministic = true
        #expect(parts(libraries: true) == 1)
        problem.hasResidual = true
        problem.out = .float32
        #expect(parts(libraries: true) == 1)
      }
    }
    #expect(splits > 0, "otherwise parts of k are taken, and this test says something")
  }

  @Test func everyPartOfEveryTileHasABlockAndMemoryForItsSums() {
    var taken = 0
    for tile in HopperMatmul.candidates where tile.parts > 1 {
      for (n, k) in [(1024, 4096), (2048, 8192), (4096, 14336), (6144, 4096)] {
        for rows in [128, 256, 512, 1024] {
          let problem = problem(n, k, rows: rows)
          guard tile.applies(to: problem, on: .h200) else { continue }
          let launch = problem.launch(tile, on: .h200, x: x, weight: weight, choice: "")
          let counts = StepCounts(tokens: rows, sequences: 1, scoredRows: 1)
          let blocks = launch.grid[0].value(in: counts)
          let tiles = (rows + 127) / 128 * ((n + tile.tileColumns - 1) / tile.tileColumns)
          #expect(blocks >= tiles * tile.parts && blocks <= 132)
          let left = tile.tileColumns / tile.parts * (tile.parts - 1) * 128 * 4
          #expect(blocks * left <= Buffer.counterBytes)
          taken += 1
        }
      }
    }
    #expect(taken > 0)
    var gated = problem(4096, 4096, rows: 256)
    #expect(HopperMatmul.inParts(2, tileColumns: 128).applies(to: gated, on: .h200))
    #expect(!HopperMatmul.inParts(2, tileColumns: 64).applies(to: gated, on: .h200), "128 pairs are more than 66")
    gated.gate = .silu
    #expect(!HopperMatmul.inParts(2, tileColumns: 128).applies(to: gated, on: .h200))
  }

  @Test func fewScoredRowsOfManyDoNotPayForTheOthers() {
    var logits = problem(128_256, 4096, rows: 256, out: .float32)
    logits.rows = .scoredRows
    let launch = kernel(logits)
    #expect(value(launch, "NT_TILE_M") == 128)
    #expect(value(launch, "NT_SHARE") != HopperMatmul.Sharing.weight.rawValue)
  }

  @Test func theKernelIsToldWhereXEnds() {
    let odd = kernel(problem(4096, 4096, rows: 100))
    #expect(value(odd, "NT_X_ROWS") == 100)
    #expect(odd?.tensorMaps[0].box == [64, 100])
    #expect(value(kernel(problem(4096, 4096, rows: 1024)), "NT_X_ROWS") == 0)
  }

  @Test func theLibraryIsOnlyAskedForWhatItHas() {
    var problem = problem(4096, 4096)
    #expect(problem.libraryProduct(choice: "") != nil)
    problem.hasResidual = true
    #expect(problem.libraryProduct(choice: "") == nil, "the residual is float32, the result is not")
    problem.out = .float32
    #expect(problem.libraryProduct(choice: "") != nil)
    problem.hasBias = true
    #expect(problem.libraryProduct(choice: "") == nil)
    problem.hasBias = false
    problem.isDeterministic = true
    #expect(problem.libraryProduct(choice: "") == nil)
    problem.isDeterministic = false
    problem.gate = .silu
    #expect(problem.libraryProduct(choice: "") == nil)
  }

  @Test func theLibraryIsUsedElsewhereThanOnHopper() {
    let plain = problem(4096, 4096)
    guard case .library(let product) = plain.largeLaunch(on: ampere, x: x, weight: weight, librariesAllowed: true)
    else {
      Issue.record("a kernel was chosen")
      return
    }
    #expect(product.n == 4096 && product.k == 4096 && product.out == .bfloat16 && !product.hasResidual)
    #expect(kernel(plain, on: ampere) != nil)
  }

  @Test func measuredRowsDecideWhereThereAreSome() {
    for row in MeasuredMatmul.table {
      var problem = problem(row.n, row.k, rows: row.rows.upperBound)
      if row.epilogue == .gate { problem.gate = .silu }
      if row.epilogue == .residual {
        problem.hasResidual = true
        problem.out = .float32
      }
      let launch = kernel(problem)
      #expect(launch?.choice == "measured on H200")
      #expect(value(launch, "NT_TILE_N") == row.tile.tileColumns)
      #expect((kernel(problem, libraries: true) == nil) == row.prefersLibrary)
      #expect(row.tile.applies(to: problem, on: .h200))
    }
  }

  @Test func rowsOfTheTableDoNotOverlap() {
    for (index, a) in MeasuredMatmul.table.enumerated() {
      for b in MeasuredMatmul.table.dropFirst(index + 1)
      where a.n == b.n && a.k == b.k && a.epilogue == b.epilogue {
        #expect(!a.rows.overlaps(b.rows), "\(a) \(b)")
      }
    }
  }

  @Test func theModelPrefersFullWaves() {
    // 1,024 rows of 6,144 columns are 192 tiles of 128 x 256, one and a half waves of 132, but 256 of 128 x 192.
    let best = HopperMatmul.best(for: problem(6144, 4096, rows: 1024), on: .h200).tile
    #expect(
      best.microseconds(problem(6144, 4096, rows: 1024), on: .h200)
        < HopperMatmul(128, 256, .weight).microseconds(problem(6144, 4096, rows: 1024), on: .h200))
  }

  @Test func gridsFollowTheRows() {
    let launch = kernel(problem(4096, 4096, type: .float32))
    #expect(launch?.grid[0].value(in: StepCounts(tokens: 129, sequences: 1, scoredRows: 1)) == 2 * 32)
    #expect(launch?.grid[0].value(in: StepCounts(tokens: 0, sequences: 0, scoredRows: 0)) == 0)
  }
}
