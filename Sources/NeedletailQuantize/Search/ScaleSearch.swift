import NeedletailGraph

/// Factors of a product's input columns, which move the difficulty of rounding from columns that matter to others.
enum ScaleSearch {
  /// AWQ (Lin et al. 2024): s = mean|x|^α, α from 0 to 0.95 in twentieths, by the squared error of all products that read
  /// x. Returns 1 for all columns where that is best.
  /// - Parameter tied: columns that must have one factor, as lists of their indices; nil: each its own.
  static func awq(
    _ weights: [FloatMatrix], _ statistics: InputStatistics, moments: FloatMatrix, _ coding: WeightCoding,
    tied: Ties?, _ products: Products
  ) throws -> (scales: [Float], error: Double, errorBefore: Double) {
    let means = (tied?.mean(statistics.absoluteMeans) ?? statistics.absoluteMeans).map { max($0, 1e-4) }
    var best: (scales: [Float], error: Double)?
    var before = 0.0
    for step in 0..<20 {
      let scales = centered(means.map { power($0, Float(step) / 20) })
      let inverse = scales.map { 1 / $0 }
      var error = 0.0
      for weight in weights {
        var change = RoundToNearest.int4Values(weight.scaledColumns(scales), coding).scaledColumns(inverse)
        change.subtract(weight)
        error += try products.error(change, moments)
      }
      if step == 0 { before = error }
      if best.map({ error < $0.error }) ?? true { best = (scales, error) }
    }
    guard let best else { throw QuantizeError("no factors were tried") }
    return (best.scales, best.error, before)
  }

  /// SmoothQuant (Xiao et al. 2023): s = max|x|^α / max|w|^(1 - α).
  static func smoothQuant(
    _ weights: [FloatMatrix], _ statistics: InputStatistics, alpha: Float, tied: Ties?
  ) -> [Float] {
    var largest = [Float](repeating: 0, count: statistics.maxima.count)
    for weight in weights {
      for (column, value) in weight.columnMaxima.enumerated() { largest[column] = max(largest[column], value) }
    }
    let maxima = tied?.largest(statistics.maxima) ?? statistics.maxima
    largest = tied?.largest(largest) ?? largest
    return zip(maxima, largest).map { x, w in
      max(power(max(x, 1e-5), alpha) / power(max(w, 1e-5), 1 - alpha), 1e-5)
    }
  }

  /// Divided by √(largest · smallest).
  private static func centered(_ scales: [Float]) -> [Float] {
    guard let low = scales.min(), let high = scales.max() else { return scales }
    let middle = (low * high).squareRoot()
    return scales.map { $0 / middle }
  }
}

/// Columns that must have one factor, as the factor is taken into what makes them: columns c, c + `stride`, ... of
/// `repeats` (query heads that share values).
public struct Ties: Hashable, Sendable {
  /// Heads of the input.
  public var heads: Int
  /// Heads of what makes it.
  public var sources: Int
  /// Columns of a head.
  public var width: Int

  /// The column of the source that makes a column.
  func source(_ column: Int) -> Int { column / width / (heads / sources) * width + column % width }
  /// The columns that a source's column makes.
  func columns(_ source: Int) -> [Int] {
    let repeats = heads / sources
    return (0..<repeats).map { (source / width * repeats + $0) * width + source % width }
  }

  private func combined(_ values: [Float], _ combine: ([Float]) -> Float) -> [Float] {
    var result = values
    for source in 0..<sources * width {
      let columns = columns(source)
      let value = combine(columns.map { values[$0] })
      for column in columns { result[column] = value }
    }
    return result
  }

  func mean(_ values: [Float]) -> [Float] { combined(values) { $0.reduce(0, +) / Float($0.count) } }
  func largest(_ values: [Float]) -> [Float] { combined(values) { $0.reduce(0, max) } }
}

extension FloatMatrix {
  mutating func subtract(_ other: FloatMatrix) {
    for index in elements.indices { elements[index] -= other.elements[index] }
  }
}
