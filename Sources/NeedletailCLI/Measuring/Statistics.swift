/// Order statistics of measurements.
package struct Statistics: Sendable {
  /// The values, ascending.
  private let sorted: [Double]

  package init(_ values: some Sequence<Double>) { sorted = values.sorted() }

  /// The value below which a share of the measurements lies, 0 to 1, interpolated; NaN of none.
  package func percentile(_ share: Double) -> Double {
    guard let last = sorted.indices.last else { return .nan }
    let place = share * Double(last)
    let index = min(Int(place), last)
    let next = min(index + 1, last)
    return sorted[index] + (sorted[next] - sorted[index]) * (place - Double(index))
  }

  /// The middle.
  package var median: Double { percentile(0.5) }
}
