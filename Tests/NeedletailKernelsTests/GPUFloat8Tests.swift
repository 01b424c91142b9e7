import NeedletailGraph
import Testing

@testable import NeedletailKernels

struct GPUFloat8Tests {
  let weight = BufferReference(.weight(0))
  let x = BufferReference(.activations)

  func problem(
    _ n: Int, _ k: Int, rows: Int, x: DType = .bfloat16, gate: Activation? = nil, scales: Float8Problem.Scales = .rows
  ) -> Float8Problem {
    var product = ProductProblem(
      rows: .tokens, maximumRows: rows, n: n, k: k, x: x, weight: .float8e4m3, out: .bfloat16)
    product.gate = gate
    return Float8Problem(product, operand: .bfloat16, scales: scales)
  }

  func define(_ name: String, _ launch: GPULaunch?) -> Int? {
    launch?.function.defines.first { $0.name == name }?.value
  }

  @Test(arguments: [1, 2, 3, 8, 16], [(6144, 4096), (4096, 14336), (28672, 4096), (57344, 8192), (17, 48), (1, 16)])
  func fewRowsOfUncodedActivationsHaveALaunchThatFits(rows: Int, shape: (n: Int, k: Int)) throws {
    let launch = problem(shape.n, shape.k, rows: rows).skinnyLaunch(on: .h200, weight: weight, x: x)
    guard rows < 16 || shape.k < 14336 else { return #expect(launch == nil) }
    let found = try #require(launch)
    #expect(found.sharedBytes <= GPUTraits.h200.sharedBytesPerBlock)
    #expect(try #require(define("NT_ROWS", found)) >= rows)
    #expect(try #require(define("NT_STAGES", found)) % 4 == 0)
    #expect(found.grid == [GridExtent(min(132, (shape.n + 15) / 16))])
    #expect(found.tensorMaps.map(\.box) == [[128, 16]])
    // What is in flight hides the memory's latency: 40 KB a multiprocessor, where there is room for it.
    guard rows == 1, shape.n > 1000 else { return }
    #expect(try #require(define("NT_STAGES", found)) * 8192 >= 40 << 10)
  }

  @Test(arguments: [(17, 32), (33, 64), (64, 64)], [(4096, 4096), (10240, 8192), (28672, 4096), (4096, 14336)])
  func moreRowsAreSharedByClusters(rows: (most: Int, room: Int), shape: (n: Int, k: Int)) throws {
    #expect(problem(shape.n, shape.k, rows: rows.most).skinnyLaunch(on: .h200, weight: weight, x: x) == nil)
    let coded = problem(shape.n, shape.k, rows: rows.most, x: .float8e4m3)
    let launch = try #require(coded.skinnyLaunch(on: .h200, weight: weight, x: x))
    #expect(launch.function.source == "quantized/sm90_fp8_wide.cu")
    #expect(define("NT_ROWS", launch) == rows.room)
    #expect(launch.cluster == define("NT_CLUSTER", launch))
    #expect(launch.grid[0].constant % launch.cluster == 0 && launch.grid[0].constant <= 120)
    #expect(launch.sharedBytes <= GPUTraits.h200.sharedBytesPerBlock)
    #expect(launch.tensorMaps.map(\.box) == [[128, 64], [128, rows.room]])
  }

  @Test func gatesAndTheirValuesComeTogether() throws {
    let coded = problem(28672, 4096, rows: 64, x: .float8e4m3, gate: .silu)
    let map = try #require(coded.skinnyLaunch(on: .h200, weight: weight, x: x)).tensorMaps[0]
    #expect(map.dimensions == [4096, 14336, 2])
    #expect(map.strides == [4096, 14336 * 4096])
    #expect(map.box == [128, 8, 2])
  }

  @Test func whatTheKernelsDoNotTakeHasNoLaunch() {
    let old = GPUTraits(architecture: "sm_80", multiprocessors: 108, sharedBytesPerBlock: 166_912, l2Bytes: 40 << 20)
    #expect(problem(64, 64, rows: 1).skinnyLaunch(on: old, weight: weight, x: x) == nil)
    #expect(problem(64, 64, rows: 100, x: .float8e4m3).largeLaunch(on: old, x: x, weight: weight) == nil)
    #expect(problem(64, 40, rows: 1).skinnyLaunch(on: .h200, weight: weight, x: x) == nil)
    #expect(problem(64, 64, rows: 1, scales: .groups).skinnyLaunch(on: .h200, weight: weight, x: x) == nil)
    #expect(problem(64, 64, rows: 65, x: .float8e4m3).skinnyLaunch(on: .h200, weight: weight, x: x) == nil)
  }

  @Test(arguments: [65, 128, 1024, 8192], [Float8Problem.Scales.rows, .groups])
  func manyRowsAreCutIntoTilesThatFit(rows: Int, scales: Float8Problem.Scales) throws {
    let coded = problem(28672, 4096, rows: rows, x: .float8e4m3, gate: .silu, scales: scales)
    let launch = try #require(coded.largeLaunch(on: .h200, x: x, weight: weight))
    #expect(launch.function.source == "matmul/sm90_matmul.cu")
    #expect(launch.sharedBytes <= GPUTraits.h200.sharedBytesPerBlock)
    let (tileRows, columns) = (define("NT_TILE_M", launch) ?? 0, define("NT_TILE_N", launch) ?? 0)
    #expect(tileRows * columns <= (scales == .groups ? 128 * 144 : 128 * 288))
    #expect(launch.tensorMaps.map(\.dimensions) == [[4096, rows], [4096, 28672]])
    #expect(launch.tensorMaps.map { $0.box[0] } == [128, 128])
    #expect(define("NT_IN", launch) == Int(DType.float8e4m3.rawValue))
  }

  @Test func partsOfKAreNotForDeterministicProducts() throws {
    var coded = problem(4096, 14336, rows: 128, x: .float8e4m3)
    coded.product.isDeterministic = true
    #expect(define("NT_SPLIT", coded.largeLaunch(on: .h200, x: x, weight: weight)) == 1)
    #expect(coded.tuningCandidates(on: .h200, x: x, weight: weight).allSatisfy { define("NT_SPLIT", $0) == 1 })
  }

  @Test(arguments: [1, 64, 2048], [(4096, 16), (14336, 56), (100, 1), (57344, 224)])
  func rowsAreCodedByABlockEach(rows: Int, width: (columns: Int, segments: Int)) throws {
    let coding = GPUCodeRows(
      rows: .tokens, maximumRows: rows, width: width.columns, form: .gated(.silu), x: .bfloat16, operand: .bfloat16)
    let launch = try #require(coding.launch(on: .h200))
    let (warps, held) = (define("NT_WARPS", launch) ?? 0, define("NT_HELD", launch) ?? 0)
    #expect(launch.threads == warps * 32 && warps <= 32)
    #expect(warps * held >= width.segments && (warps - 1) * held < width.segments)
    #expect(launch.grid == [GridExtent(.tokens)])
    let old = GPUTraits(architecture: "sm_80", multiprocessors: 108, sharedBytesPerBlock: 166_912, l2Bytes: 40 << 20)
    #expect(coding.launch(on: old) == nil)
  }

  @Test func costCountsCodesAndScales() {
    let rows = problem(256, 512, rows: 4, x: .float8e4m3)
    #expect(rows.cost.weightBytes == 256 * 512 + 256 * 4)
    let groups = problem(256, 512, rows: 4, x: .float8e4m3, scales: .groups)
    #expect(groups.cost.weightBytes == 256 * 512 + 2 * 4 * 4)
    #expect(groups.description.contains("float8e4m3"))
  }
}
