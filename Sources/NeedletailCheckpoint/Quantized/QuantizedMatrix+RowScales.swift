import NeedletailGraph

extension QuantizedMatrix {
  /// Gives the rows of an int4 matrix factors for products with fp8 activations (W4A8): row factor = the row's largest
  /// magnitude / 448, scales are divided by it and rounded to their 16 bits. A row of zeros has the factor 1.
  public mutating func addRowScales() {
    precondition(coding.code == .int4 && !coding.hasRowScales, "factors of rows for \(coding)")
    let group = coding.groupSize ?? max(columns, 1)
    let round = coding.scaleType.rounding
    rowScales = [Float](repeating: 1, count: rows)
    for row in 0..<rows {
      var largest: Float = 0
      for index in 0..<groups {
        let zero: Float = coding.hasZeroPoints ? Float(zeros[row * groups + index]) : 8
        var distance: Float = 0
        for column in index * group..<min((index + 1) * group, columns) {
          distance = max(distance, abs(Float(code(row, column)) - zero))
        }
        largest = max(largest, round(abs(scales[row * groups + index]) * distance))
      }
      guard largest > 0 else { continue }
      rowScales[row] = largest / NarrowFloats.largestE4M3
      for index in 0..<groups {
        scales[row * groups + index] = round(scales[row * groups + index] / rowScales[row])
      }
    }
    coding.hasRowScales = true
  }
}
