import CNeedletailKernels
import NeedletailGraph

/// Where the parts of a coded weight lie in its buffer: codes first, then what turns them into numbers, then what becomes
/// of activations; each from a multiple of 256 bytes on.
///
/// Row-major, they are in the order of `WeightCoding`. In panels, codes are as `coded_matmul.h` has them, and scales,
/// zeros and factors follow panels too; rows that share scales have each their own.
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

  /// The sections of a weight [n, k].
  package init(_ recipe: LinearRecipe, n: Int, k: Int, layout: WeightLayout) {
    let coding = recipe.weight
    let isPanels = layout == .panels
    rowBytes = isPanels ? (coding.rowBytes(k) + 3) / 4 * 4 : coding.rowBytes(k)
    let rows = isPanels ? (n + Int(NT_PANEL) - 1) / Int(NT_PANEL) * Int(NT_PANEL) : n
    let scaleCount = (isPanels ? rows : coding.scaleRows(n)) * coding.groups(k)
    var end = 0
    func add(_ bytes: Int) -> Int {
      let start = (end + 255) / 256 * 256
      end = start + bytes
      return start
    }
    _ = add(rows * rowBytes)
    scales = add(scaleCount * coding.scaleType.byteCount)
    if coding.hasZeroPoints { zeros = add(scaleCount) }
    if coding.hasRowScales { rowScales = add(rows * 4) }
    if recipe.hasInputScale { inputScale = add(k * 4) }
    if recipe.activation?.scope == .tensor { activationScale = add(4) }
    byteCount = end
  }
}

extension PlannedWeight {
  /// The sections of its buffer, if it is coded.
  package var sections: CodedSections? {
    guard let recipe = weight.recipe, weight.shape.count == 2 else { return nil }
    return CodedSections(recipe, n: weight.shape[0], k: weight.shape[1], layout: layout)
  }
}
