import NeedletailGraph

extension FloatWeights {
  /// Divides what makes x by the factors of x's columns.
  func divide(_ fold: Fold, by scales: [Float]) throws {
    switch fold {
    case .norm(let weight, let bias, let offset):
      let values = try elements(weight.name)
      change(weight.name, to: zip(values, scales).map { ($0 + offset) / $1 - offset })
      if let bias { change(bias.name, to: zip(try elements(bias.name), scales).map { $0 / $1 }) }
    case .rows(let part, let bias, let ties):
      let factors = Self.rowFactors(scales, ties)
      var matrix = try matrix(part)
      // The part's rows lie somewhere among those of the stored matrix.
      for (row, stored) in Self.storedRows(part) {
        for column in 0..<matrix.columns { matrix.elements[stored * matrix.columns + column] /= factors[row] }
      }
      change(part, to: matrix)
      if let bias {
        var values = try elements(bias.name)
        for (row, stored) in Self.storedRows(bias) { values[stored] /= factors[row] }
        change(bias.name, to: values)
      }
    }
  }

  /// The factors of the rows that make x: of shared heads one each.
  private static func rowFactors(_ scales: [Float], _ ties: Ties?) -> [Float] {
    guard let ties else { return scales }
    return (0..<ties.sources * ties.width).map { scales[ties.columns($0)[0]] }
  }

  private static func storedRows(_ part: Weight.Part) -> [(row: Int, stored: Int)] {
    part.rowRuns(0..<part.resultShape[0]).flatMap { run in
      run.source.enumerated().map { (run.result + $0.offset, $0.element) }
    }
  }
}
