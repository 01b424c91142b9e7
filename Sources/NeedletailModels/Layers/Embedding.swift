import NeedletailGraph

/// A row of a table for each token.
public struct Embedding: Layer {
  /// [count, width]
  public let weight: Parameter

  /// A table of so many rows of a width.
  public init(_ count: Int, _ width: Int) { weight = Parameter([count, width]) }

  /// The rows of ids, times a factor: int32 [tokens] -> [tokens, width].
  public func callAsFunction(_ ids: Tensor, scale: Float = 1) -> Tensor {
    scope(in: ids.builder) { ids.embedded(in: weight.tensor(in: ids.builder), scale: scale) }
  }

  /// Products with every row, as models do whose logits use the embedding, plus a bias [count]: [rows, width] -> [rows, count].
  public func products(_ x: Tensor, bias: Parameter? = nil) -> Tensor {
    scope(in: x.builder) { x.linear(weight.tensor(in: x.builder), bias: bias?.tensor(in: x.builder)) }
  }
}
