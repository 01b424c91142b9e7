extension Weight.Part {
  /// The matrix or vector it is of, as the checkpoint has it.
  public var storedShape: [Int] { index == nil ? shape : Array(shape.dropFirst()) }
  /// Elements from row to row of the tensor; 1 for vectors.
  public var storedWidth: Int { storedShape.dropFirst().reduce(1, *) }
  /// The row of the tensor, seen as rows of `storedWidth` elements, at which the matrix or vector starts.
  public var firstStoredRow: Int { (index ?? 0) * storedShape[0] }

  /// The shape it has as part of the weight.
  public var resultShape: [Int] {
    var result = transposed ? Array(storedShape.reversed()) : storedShape
    if let rows { result[0] = rows.count * (period.map { result[0] / max($0, 1) } ?? 1) }
    if let columns, result.count > 1 { result[1] = columns.count }
    return result
  }

  /// What is wrong with it, as the end of a sentence; nil: nothing. Sizes are to be 0 or more.
  public var fault: String? {
    if let index, shape.count < 2 || !(0..<shape[0] ~= index) { return "is number \(index) of \(shape)" }
    let whole = transposed ? Array(storedShape.reversed()) : storedShape
    guard 1...2 ~= whole.count, whole.count == 2 || !(transposed || hasUnitRows) else { return "is no matrix" }
    // The length of a row is that of all its columns.
    if hasUnitRows, transposed || columns != nil { return "has unit rows, of which only parts are read" }
    if let period {
      guard let rows, period > 0, whole[0] % period == 0, rows.lowerBound >= 0, rows.upperBound <= period else {
        return "takes \(rows.map { "\($0)" } ?? "nothing") of every \(period) of \(whole[0]) rows"
      }
    }
    for (range, size) in [(rows, whole[0]), (columns, whole[whole.count - 1])] {
      guard let range, range.lowerBound < 0 || range.upperBound > size else { continue }
      return "takes \(range) of \(size) rows or columns"
    }
    return nil
  }

  /// Rows that follow each other in the matrix as in the part.
  public struct RowRun: Hashable, Sendable {
    /// Rows of the matrix, after the exchange.
    public var source: Range<Int>
    /// The first of them in the part.
    public var result: Int

    /// A run of rows.
    public init(source: Range<Int>, result: Int) {
      self.source = source
      self.result = result
    }
  }

  /// Where rows of the part come from, in order.
  public func rowRuns(_ wanted: Range<Int>) -> [RowRun] {
    guard let rows, let period, rows.count < period else {
      let first = wanted.lowerBound + (rows?.lowerBound ?? 0)
      return [RowRun(source: first..<first + wanted.count, result: wanted.lowerBound)]
    }
    var runs: [RowRun] = []
    var next = wanted.lowerBound
    while next < wanted.upperBound {
      let (turn, offset) = next.quotientAndRemainder(dividingBy: rows.count)
      let count = min(rows.count - offset, wanted.upperBound - next)
      let first = turn * period + rows.lowerBound + offset
      runs.append(RowRun(source: first..<first + count, result: next))
      next += count
    }
    return runs
  }
}
