import NeedletailGraph

/// A part of a weight out of a matrix that a checkpoint keeps in codes: some of its rows or columns, or one matrix of
/// several.
struct CodedPart: CodedMatrix {
  let part: Weight.Part
  let matrix: any CodedMatrix
  // Rows of the tensor before those of the part's matrix.
  private let firstRow: Int
  private let columns: Range<Int>?

  init(_ part: Weight.Part, of matrix: any CodedMatrix) throws(GraphError) {
    let stored = part.transposed ? Array(part.storedShape.reversed()) : part.storedShape
    let matrices = part.index == nil ? 1 : part.shape[0]
    guard matrix.shape == [stored[0] * matrices, stored[1]] else {
      throw GraphError("\(part.name) is \(matrix.shape) in codes, where \(part.shape) is expected")
    }
    self.part = part
    self.matrix = matrix
    firstRow = (part.index ?? 0) * stored[0]
    columns = part.columns == 0..<stored[1] ? nil : part.columns
    guard columns == nil || matrix.recipe.weight.groupSize == nil else {
      throw GraphError("\(part.name) is in groups of columns, of which only all can be taken")
    }
  }

  var shape: [Int] { part.resultShape }
  var recipe: LinearRecipe { matrix.recipe }

  func copy(rows: Range<Int>, to target: CodedRows) throws {
    let coding = recipe.weight
    let (k, groups) = (matrix.shape[1], coding.groups(matrix.shape[1]))
    for run in part.rowRuns(rows) {
      let source = run.source.lowerBound + firstRow..<run.source.upperBound + firstRow
      let done = run.result - rows.lowerBound
      guard source.lowerBound % coding.rowsPerScale == 0, done % coding.rowsPerScale == 0 else {
        throw GraphError("\(part.name) is taken in parts that do not fit its blocks")
      }
      let scaleRow = done / coding.rowsPerScale * groups
      let rowBytes = coding.rowBytes(shape[1])
      var place = target
      place.codes += done * rowBytes
      place.scales += scaleRow * coding.scaleType.byteCount
      place.zeros = target.zeros.map { $0 + scaleRow }
      place.rowScales = target.rowScales.map { $0 + done }
      guard let columns else {
        try matrix.copy(rows: source, to: place)
        continue
      }
      let perByte = coding.dtype.bitCount == 4 ? 2 : 1
      guard columns.lowerBound % perByte == 0, columns.count % perByte == 0 else {
        throw GraphError("\(part.name) is taken in columns that do not fit its bytes")
      }
      let whole = UnsafeMutableRawPointer.allocate(byteCount: max(source.count * coding.rowBytes(k), 1), alignment: 64)
      defer { whole.deallocate() }
      let target = place.codes
      place.codes = whole
      try matrix.copy(rows: source, to: place)
      for row in 0..<source.count {
        (target + row * rowBytes).copyMemory(
          from: whole + row * coding.rowBytes(k) + columns.lowerBound / perByte, byteCount: rowBytes)
      }
    }
  }

  func inputScale() throws -> [Float]? {
    let scale = try matrix.inputScale()
    guard let scale, let columns else { return scale }
    return Array(scale[columns])
  }

  func activationScale() throws -> Float? { try matrix.activationScale() }
}

extension Weight.Part {
  /// The part in codes: those of the checkpoint, or else its numbers rounded to the nearest.
  func coded(by recipe: LinearRecipe, from source: any WeightSource) throws -> any CodedMatrix {
    guard let stored = source.coded(name) else {
      guard !recipe.hasInputScale, recipe.activation?.scope != .tensor else {
        throw GraphError("\(name) has no scale of its input, which only calibration gives")
      }
      return RoundToNearest(self, from: source, recipe: recipe)
    }
    let part = try CodedPart(self, of: stored)
    var same = part.recipe
    same.weight.scaleType = recipe.weight.scaleType
    guard same == recipe else {
      throw GraphError("\(name) is coded as \(part.recipe), where \(recipe) is expected")
    }
    return part
  }
}
