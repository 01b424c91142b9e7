import NeedletailGraph
import Testing

@testable import NeedletailKernels

struct GPUProductTests {
  let weight = BufferReference(.weight(0))
  let x = BufferReference(.activations)

  func problem(_ n: Int, _ k: Int, rows: Int, norm: Norm.Kind? = nil, gate: Activation? = nil) -> ProductProblem {
    var problem = ProductProblem(
      rows: .tokens, maximumRows: rows, n: n, k: k, x: norm == nil ? .bfloat16 : .float32, weight: .bfloat16,
      out: .bfloat16)
    problem.norm = norm
    problem.gate = gate
    return problem
  }

  func define(_ name: String, _ launch: GPULaunch?) -> Int? {
    launch?.function.defines.first { $0.name == name }?.value
  }

  @Test(arguments: [1, 8, 16, 64], [(6144, 4096), (4096, 14336), (28672, 4096), (2048, 8192), (17, 40), (1, 7)])
  func everyRowCountHasALaunchThatFits(rows: Int, shape: (n: Int, k: Int)) throws {
    let launch = try #require(problem(shape.n, shape.k, rows: rows).skinnyLaunch(on: .h200, weight: weight, x: x))
    #expect(launch.sharedBytes <= GPUTraits.h200.sharedBytesPerBlock)
    #expect(try #require(define("NT_ROWS", launch)) >= rows)
    // What is in flight hides the memory's latency: 40 KB a multiprocessor, where a product has as much.
    guard shape.n * shape.k > 1 << 20 else { return }
    let groups = (define("NT_WARPGROUPS", launch) ?? 2) * (define("NT_STEP", launch) ?? 1)
    let stage = rows > 16 ? groups << 12 : (16 << 10) * (define("NT_TILES", launch) ?? 0)
    #expect(((define("NT_STAGES", launch) ?? 0) - 1) * stage >= 40 << 10)
  }

  @Test func upTo16RowsHaveABlockOnEachMultiprocessor() {
    let launch = problem(128_256, 4096, rows: 16).skinnyLaunch(on: .h200, weight: weight, x: x)
    #expect(launch?.function.entry == "nt_product")
    #expect(launch?.grid[0].constant == 132)
    #expect(launch?.threads == 512)
    #expect(launch?.cluster == 1)
  }

  @Test(arguments: [(17, 32), (33, 64)])
  func moreRowsAreSharedByClustersThatAreResidentAtOnce(rows: Int, bucket: Int) throws {
    // A Blackwell GPU, which has clusters but not Hopper's matrix instructions.
    let blackwell = GPUTraits(
      architecture: "sm_100a", multiprocessors: 132, sharedBytesPerBlock: 232_448, l2Bytes: 60 << 20)
    let launch = try #require(problem(4096, 4096, rows: rows).skinnyLaunch(on: blackwell, weight: weight, x: x))
    #expect(launch.function.source == "product/wide_product.cu")
    #expect(define("NT_ROWS", launch) == bucket)
    #expect(launch.cluster == 4)
    #expect(launch.grid[0].constant == 4096 / 128 * 4)
    #expect(2 * (launch.sharedBytes + 1024) <= 228 << 10)
    // 224 passes of 128 rows: four each for 56 clusters, of the 59 that there may be.
    let tall = try #require(problem(28672, 4096, rows: rows).skinnyLaunch(on: blackwell, weight: weight, x: x))
    #expect(tall.grid[0].constant == 56 * 4)
    let old = GPUTraits(architecture: "sm_80", multiprocessors: 108, sharedBytesPerBlock: 166_912, l2Bytes: 40 << 20)
    let alone = try #require(problem(4096, 4096, rows: rows).skinnyLaunch(on: old, weight: weight, x: x))
    #expect(alone.cluster == 1)
    #expect(alone.grid[0].constant == 32)
  }

  @Test(
    arguments: [
      (4096, 4096, 3, 22), (28672, 4096, 3, 30), (6144, 4096, 2, 24), (128_256, 4096, 3, 30), (64, 4096, 1, 1),
    ])
  func onHopperABlockTakesSeveralGroupsOfRows(n: Int, k: Int, groups: Int, clusters: Int) throws {
    let gate: Activation? = n == 28672 ? .silu : nil
    let launch = try #require(problem(n, k, rows: 32, gate: gate).skinnyLaunch(on: .h200, weight: weight, x: x))
    #expect(launch.function.source == "product/sm90_wide_product.cu")
    #expect(launch.cluster == 4)
    #expect(define("NT_WARPGROUPS", launch) == groups)
    #expect(launch.grid[0].constant == clusters * 4)
    #expect(launch.threads == (groups * 4 + (define("NT_X_WARPS", launch) ?? 0) + 1) * 32)
    #expect(launch.tensorMaps.map(\.dimensions) == [[k, n]])
    #expect(launch.tensorMaps.map(\.box) == [[64, groups * (gate == nil ? 64 : 32)]])
  }

  @Test(arguments: [(4096, 2), (14336, 2), (2048, 2), (3584, 1), (4104, 1), (40, 1)])
  func onHopperTwoChunksAreMultipliedWhereSlicesHavePairsOfThem(k: Int, step: Int) {
    let launch = problem(4096, k, rows: 64).skinnyLaunch(on: .h200, weight: weight, x: x)
    #expect(define("NT_STEP", launch) == step)
    #expect(define("NT_ROWS", launch) == 64)
  }

  @Test func oneRowStaysInSharedMemoryBesideADeepRing() {
    let launch = problem(4096, 14336, rows: 1).skinnyLaunch(on: .h200, weight: weight, x: x)
    #expect(define("NT_X_WAY", launch) == GPUProduct.Activations.kept.rawValue)
    #expect(define("NT_STAGES", launch) == 10)
    #expect(define("NT_X_ROWS", launch) == 1)
  }

  @Test func eightLongRowsGoThroughTheRing() {
    let launch = problem(4096, 14336, rows: 8).skinnyLaunch(on: .h200, weight: weight, x: x)
    #expect(define("NT_X_WAY", launch) == GPUProduct.Activations.streamed.rawValue)
    #expect(define("NT_TILES", launch) == 2)
    #expect(launch?.grid[0].constant == 128)
    // Two tiles at a time would leave half of the multiprocessors idle here.
    let short = problem(2048, 8192, rows: 8).skinnyLaunch(on: .h200, weight: weight, x: x)
    #expect(define("NT_TILES", short) == 1)
    #expect(short?.grid[0].constant == 128)
  }

  @Test func normsNeedRoomForTheirRows() {
    let normed = problem(6144, 4096, rows: 8, norm: .rms)
    #expect(define("NT_NORM", normed.skinnyLaunch(on: .h200, weight: weight, x: x)) == 1)
    #expect(problem(6144, 4096, rows: 9, norm: .rms).skinnyLaunch(on: .h200, weight: weight, x: x) == nil)
    #expect(problem(6144, 16384, rows: 8, norm: .rms).skinnyLaunch(on: .h200, weight: weight, x: x) == nil)
    #expect(problem(6144, 16384, rows: 1, norm: .rms).skinnyLaunch(on: .h200, weight: weight, x: x) != nil)
  }

  @Test func gatedTilesGiveEightColumns() {
    let gated = problem(2 * 128, 256, rows: 1, norm: .layer, gate: .geluTanh)
    let launch = gated.skinnyLaunch(on: .h200, weight: weight, x: x)
    #expect(launch?.grid[0].constant == 16)
    #expect(define("NT_NORM", launch) == 2)
    #expect(define("NT_ACTIVATION", launch) == Int(Activation.geluTanh.rawValue))
  }

  @Test(arguments: [(4096, 0, 32), (4104, 0, 8), (4099, 0, 1), (4096, 8, 1)])
  func alignmentOfRowsIsWhatTheirLengthAndPlaceGive(k: Int, offset: Int, columns: Int) {
    let launch = problem(64, k, rows: 1).skinnyLaunch(on: .h200, weight: weight + offset, x: x)
    #expect(define("NT_COLUMNS", launch) == columns)
  }

  @Test func nothingForOtherWeightsAndMoreRows() {
    var wide = problem(64, 64, rows: 1)
    wide.weight = .float32
    #expect(wide.skinnyLaunch(on: .h200, weight: weight, x: x) == nil)
    #expect(problem(64, 64, rows: 65).skinnyLaunch(on: .h200, weight: weight, x: x) == nil)
  }

  @Test func smallerGPUsGetShallowerRings() throws {
    let gpu = GPUTraits(architecture: "sm_89", multiprocessors: 76, sharedBytesPerBlock: 101_376, l2Bytes: 64 << 20)
    let launch = try #require(problem(4096, 4096, rows: 1).skinnyLaunch(on: gpu, weight: weight, x: x))
    #expect(launch.sharedBytes <= gpu.sharedBytesPerBlock)
    #expect(launch.grid[0].constant == 76)
    #expect(define("NT_STAGES", launch) == 4)
    #expect(define("NT_X_WAY", launch) == GPUProduct.Activations.kept.rawValue)
  }
}
