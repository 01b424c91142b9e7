import NeedletailGraph
import Testing

@testable import NeedletailKernels

struct GPUCodedProductTests {
  let x = BufferReference(.activations)
  let codes = BufferReference(.weight(0))
  let scales = BufferReference(.weight(1))

  func problem(
    _ n: Int, _ k: Int, rows: Int, code: DType = .uint4, group: Int? = 128, norm: Norm.Kind? = nil,
    gate: Activation? = nil
  ) throws -> CodedProductProblem {
    var product = ProductProblem(
      rows: .tokens, maximumRows: rows, n: n, k: k, x: norm == nil ? .bfloat16 : .float32, weight: .bfloat16,
      out: .bfloat16)
    product.norm = norm
    product.gate = gate
    let tiles = try #require(
      CodeTiles(
        code, n: n, k: k, group: code == .int8 ? nil : group, hasZeroPoints: code == .uint4, scaleType: .bfloat16))
    return try #require(CodedProductProblem(product, tiles: tiles))
  }

  func define(_ name: String, _ launch: GPULaunch) -> Int? {
    launch.function.defines.first { $0.name == name }?.value
  }

  @Test(arguments: [DType.uint4, .int8], [1, 2, 8, 9, 16, 17, 33, 64])
  func everyRowCountHasALaunchThatFits(code: DType, rows: Int) throws {
    for (n, k) in [(6144, 4096), (4096, 14336), (28672, 4096), (2048, 8192), (48, 40), (24, 8192)] {
      let launch = try #require(try problem(n, k, rows: rows, code: code).skinnyLaunch(on: .h200, x: x))
      #expect(launch.sharedBytes <= GPUTraits.h200.sharedBytesPerBlock)
      #expect(try #require(define("NT_ROWS", launch)) >= rows)
      #expect(define("NT_GROUP", launch) == 128)
      let blocks = define("NT_BLOCKS", launch) ?? 1
      #expect(blocks * (launch.sharedBytes + 1024) <= 228 << 10)
      #expect(launch.grid[0].constant <= 132 * blocks)
      #expect(launch.cluster == (rows > 8 ? 4 : 1))
    }
  }

  @Test func aNormIsTakenInForUpTo8Rows() throws {
    let launch = try #require(
      try problem(28672, 4096, rows: 8, norm: .rms, gate: .silu).skinnyLaunch(on: .h200, x: x))
    #expect(define("NT_NORM", launch) == 1)
    #expect(define("NT_X_WAY", launch) == 0)
    #expect(try problem(28672, 4096, rows: 9, norm: .rms).skinnyLaunch(on: .h200, x: x) == nil)
  }

  @Test func otherGPUsTakeFewRows() throws {
    let old = GPUTraits(architecture: "sm_80", multiprocessors: 108, sharedBytesPerBlock: 166_912, l2Bytes: 40 << 20)
    let launch = try #require(try problem(4096, 4096, rows: 8).skinnyLaunch(on: old, x: x))
    #expect(launch.sharedBytes <= old.sharedBytesPerBlock)
    #expect(try problem(4096, 4096, rows: 17).skinnyLaunch(on: old, x: x) == nil)
    #expect(try problem(4096, 4096, rows: 100).largeLaunch(on: old, x: x, codes: codes, scales: scales) == nil)
  }

  @Test(arguments: [(65, 64), (8192, 256)])
  func manyRowsHaveTilesThatKeepTheMultiprocessorsBusy(rows: Int, tile: Int) throws {
    let launch = try #require(
      try problem(4096, 4096, rows: rows).largeLaunch(on: .h200, x: x, codes: codes, scales: scales))
    #expect(define("NT_TILE_ROWS", launch) == tile)
    #expect(launch.sharedBytes <= GPUTraits.h200.sharedBytesPerBlock)
    #expect(launch.tensorMaps[0].box == [64, tile])
    #expect(launch.grid[0].value(in: StepCounts(tokens: rows, sequences: 1, scoredRows: 1)) <= 132)
  }

  @Test func odd() throws {
    // Gates and values that are no blocks of 8 rows; types that codes do not become.
    let product = ProductProblem(
      rows: .tokens, maximumRows: 1, n: 40, k: 64, x: .bfloat16, weight: .bfloat16, out: .bfloat16)
    var gated = product
    gated.gate = .silu
    let tiles = try #require(CodeTiles(.uint4, n: 40, k: 64, group: 32, scaleType: .bfloat16))
    #expect(CodedProductProblem(product, tiles: tiles) != nil)
    #expect(CodedProductProblem(gated, tiles: tiles) == nil)
    let half = try #require(CodeTiles(.uint4, n: 40, k: 64, group: 32, scaleType: .float16))
    #expect(CodedProductProblem(product, tiles: half) == nil)
  }

  @Test func groupsThatTilesHave() {
    func tiles(_ group: Int?, code: DType = .uint4, k: Int = 512) -> CodeTiles? {
      CodeTiles(code, n: 64, k: k, group: group, scaleType: .bfloat16)
    }
    #expect(tiles(32)?.group == 32)
    #expect(tiles(256)?.group == 128)
    #expect(tiles(nil)?.group == 128)
    #expect(tiles(96) == nil)
    #expect(tiles(128, k: 511) == nil)
    #expect(tiles(64, code: .float4e2m1) == nil)
    #expect(tiles(128, code: .int8) == nil)
  }

  @Test(arguments: [DType.uint4, .int8, .float4e2m1])
  func everyCodeHasAPlaceOfItsOwn(code: DType) throws {
    let tiles = try #require(
      CodeTiles(code, n: 24, k: 200, group: code == .int8 ? nil : 32, scaleType: .bfloat16))
    #expect(tiles.blocks == 4)
    var places: Set<Int> = [], scales: Set<Int> = []
    for row in 0..<24 {
      for column in 0..<200 {
        let (byte, isHigh) = tiles.place(row: row, column: column)
        #expect(byte < tiles.codeBytes)
        #expect(places.insert(byte * 2 + (isHigh ? 1 : 0)).inserted)
        guard code != .int8 else { continue }
        scales.insert(tiles.scalePlace(row: row, column: column))
        #expect(tiles.scalePlace(row: row, column: column) <= tiles.scaleBytes - 4)
      }
    }
    #expect(scales.count == (code == .int8 ? 0 : 24 * 7))
  }

  @Test func placesOfALane() throws {
    let tiles = try #require(CodeTiles(.uint4, n: 16, k: 256, group: 128, scaleType: .bfloat16))
    // Lane 4 g + t: row g, columns 2 t, 2 t + 1 and 8 further on of each 16.
    #expect(tiles.place(row: 0, column: 0) == (0, false))
    #expect(tiles.place(row: 0, column: 8) == (0, true))
    #expect(tiles.place(row: 0, column: 1) == (2, false))
    #expect(tiles.place(row: 0, column: 2) == (16, false))
    #expect(tiles.place(row: 1, column: 16) == (65, false))
    #expect(tiles.place(row: 0, column: 32) == (4, false))
    #expect(tiles.place(row: 8, column: 128) == (3 * 512, false))
    #expect(tiles.scalePlace(row: 9, column: 200) == (2 * 8 + 8 + 1) * 4)
    #expect(tiles.bits(ofZeroPoint: 8) == 0xC308)
  }
}
