import NeedletailGraph

/// (x - mean(x)) / √(variance(x) + eps) * (weight + weightOffset) + bias (Ba et al. 2016):
/// [rows, width] -> [rows, width].
public struct LayerNorm: UnaryLayer {
  /// [width]; nil: 1
  public let weight: Parameter?
  /// [width]; nil: 0
  public let bias: Parameter?
  /// Added to the variance.
  public let eps: Float
  /// 1 for models that store weight - 1.
  public let weightOffset: Float

  /// A norm over a width.
  public init(_ width: Int, eps: Float, weight: Bool = true, bias: Bool = true, weightOffset: Float = 0) {
    precondition(weight || (!bias && weightOffset == 0), "a norm with a bias or an offset has a weight")
    self.weight = weight ? Parameter([width]) : nil
    self.bias = bias ? Parameter([width]) : nil
    self.eps = eps
    self.weightOffset = weightOffset
  }

  /// [rows, width] -> [rows, width]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    scope(in: x.builder) {
      x.normalized(
        Norm(.layer, eps: eps, weightOffset: weightOffset), weight: weight?.tensor(in: x.builder),
        bias: bias?.tensor(in: x.builder))
    }
  }
}
