import NeedletailGraph

/// Learned positions: a row of a table for each place in the sequence (Vaswani et al. 2017, section 3.5).
///
/// A model with such a table holds no longer sequences than the table: its config's `maximumSequenceLength` is `count`.
public struct PositionEmbedding: Layer {
  /// [offset + count, width]
  public let weight: Parameter
  /// Rows before that of position 0.
  public let offset: Int

  /// A table for `count` positions, after `offset` rows that are not used.
  public init(_ count: Int, _ width: Int, offset: Int = 0) {
    weight = Parameter([offset + count, width])
    self.offset = offset
  }

  /// The rows of positions: int32 [tokens] -> [tokens, width].
  public func callAsFunction(_ positions: Tensor) -> Tensor {
    scope(in: positions.builder) {
      let rows = offset == 0 ? nil : offset..<weight.shape[0]
      return positions.embedded(in: weight.tensor(in: positions.builder, rows: rows))
    }
  }
}
