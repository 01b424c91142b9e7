import CNeedletailKernels
import NeedletailGraph

/// Where the parts of a coded weight lie in its buffer: codes first, then what turns them into numbers, then what becomes
/// of activations; each from a multiple of 256 bytes on.
///
/// Row-major, they are in the order of `WeightCoding`. In panels, codes are as `coded_matmul.h` has them, and scales,
/// zeros and factors follow panels too; rows that share scales have each their own. In tiles, zeros are parts of the
/// scales' words.
package struct CodedSections: Hashable, Sendable {
  /// Scales.
  package private(set) var scales = 0
  /// Zeros, if there are any.
  package private(set) var zeros: Int?
  /// Factors of rows, if there are any.
  package private(set) var rowScales: Int?
  /// float32 [k], if there is one.
  package private(set) var inputScale: Int?
  /// float32 [1], if it is the checkpoint's.
  package private(set) var activationScale: Int?
  /// Bytes of all.
  package private(set) var byteCount = 0
  /// Bytes from row to row of codes as they are copied: whole lanes of 4 bytes in panels.
  package let rowBytes: Int
  private let tiles: CodedTiles?

  /// The sections of a weight [n, k].
  package init(_ recipe: LinearRecipe, n: Int, k: Int, layout: WeightLayout) {
    let coding = recipe.weight
    let isPanels = layout == .panels
    rowBytes = isPanels ? (coding.rowBytes(k) + 3) / 4 * 4 : coding.rowBytes(k)
    let tiles = layout == .tiles ? CodedTiles(coding, k: k) : nil
    self.tiles = tiles
    let rows = isPanels ? (n + Int(NT_PANEL) - 1) / Int(NT_PANEL) * Int(NT_PANEL) : n
    let scaleCount = (isPanels ? rows : coding.scaleRows(n)) * coding.groups(k)
    var end = 0
    func add(_ bytes: Int) -> Int {
      let start = (end + 255) / 256 * 256
      end = start + bytes
      return start
    }
    if let tiles {
      // Zeros lie beside their scales.
      _ = add(tiles.codeBytes(rows: n))
      scales = add(tiles.scaleBytes(rows: n))
    } else {
      _ = add(rows * rowBytes)
      scales = add(scaleCount * coding.scaleType.byteCount)
      if coding.hasZeroPoints { zeros = add(scaleCount) }
    }
    if coding.hasRowScales { rowScales = add(rows * 4) }
    if recipe.hasInputScale { inputScale = add(k * 4) }
    if recipe.activation?.scope == .tensor { activationScale = add(4) }
    byteCount = end
  }
}

extension CodedSections {
  /// Where rows go, in the order codes, scales, zeros, factors: whole tiles, if they lie so.
  func places(_ rows: Range<Int>, _ coding: WeightCoding, k: Int) -> [(target: Int, byteCount: Int)] {
    let (first, count) = (rows.lowerBound, rows.count)
    if let tiles {
      return [
        (tiles.codeBytes(rows: first), tiles.codeBytes(rows: count)),
        (scales + tiles.scaleBytes(rows: first), tiles.scaleBytes(rows: count)),
      ]
    }
    let groups = coding.groups(k)
    let (scaleRow, scaleCount) = (first / coding.rowsPerScale * groups, coding.scaleRows(count) * groups)
    let bytes = coding.scaleType.byteCount
    var places = [(first * rowBytes, count * rowBytes), (scales + scaleRow * bytes, scaleCount * bytes)]
    if let zeros { places.append((zeros + scaleRow, scaleCount)) }
    if let rowScales { places.append((rowScales + first * 4, count * 4)) }
    return places.map { (target: $0.0, byteCount: $0.1) }
  }
}

/// The sizes of tiles of 8 rows by 128 columns of 4 bits, or 64 of 8 (`cpu.h`: `nt_cpu_tile_codes`).
struct CodedTiles: Hashable, Sendable {
  let chunks: Int
  // Words of scales that a row has for a chunk; 0: the row has one float32.
  let groups: Int

  init(_ coding: WeightCoding, k: Int) {
    let columns = coding.dtype.bitCount == 8 ? 64 : 128
    chunks = (k + columns - 1) / columns
    groups = columns == 64 ? 0 : coding.groupSize == 32 ? 4 : coding.groupSize == 64 ? 2 : 1
  }

  /// Of so many rows, brought to whole pairs of tiles.
  func codeBytes(rows: Int) -> Int { (rows + 15) / 16 * 2 * chunks * 512 }
  /// Likewise; float32 of each row where it has one scale.
  func scaleBytes(rows: Int) -> Int {
    groups == 0 ? rows * 4 : (rows + 15) / 16 * 2 * chunks * groups * 32
  }
}

extension PlannedWeight {
  /// The sections of its buffer, if it is coded.
  package var sections: CodedSections? {
    guard let recipe = weight.recipe, weight.shape.count == 2 else { return nil }
    return CodedSections(recipe, n: weight.shape[0], k: weight.shape[1], layout: layout)
  }
}
