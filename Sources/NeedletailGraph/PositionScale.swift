/// A factor of queries that grows with their position, for attention over long sequences (Nakanishi 2025):
/// 1 + factor * log(1 + ⌊(position + 1) / period⌋).
public struct PositionScale: Hashable, Sendable {
  /// Of the logarithm.
  public var factor: Float
  /// Positions from one factor to the next.
  public var period: Int

  /// A factor of queries.
  public init(factor: Float, period: Int) {
    precondition(period > 0, "period: \(period)")
    self.factor = factor
    self.period = period
  }
}

extension PositionScale {
  func write(to a: inout Attributes) {
    a.set("factor", factor)
    a.set("period", period)
  }

  init(_ a: Attributes) throws(GraphError) {
    let period = try a.int("period")
    guard period > 0 else { throw GraphError("period=\(period) is not positive") }
    self.init(factor: try a.float("factor"), period: period)
  }
}

extension Tensor {
  /// x [tokens, heads, width], each token's times the factor of its position: integers [tokens].
  public func scaled(by scale: PositionScale, positions: Tensor) -> Tensor {
    builder.record(.positionScale(scale), [self, positions])
  }
}
