import NeedletailGraph

/// x / √(mean(x²) + eps) * (weight + weightOffset) (Zhang and Sennrich 2019): [rows, width] -> [rows, width].
public struct RMSNorm: UnaryLayer {
  /// [width]
  public let weight: Parameter
  /// Added to the mean square.
  public let eps: Float
  /// 1 for models that store weight - 1.
  public let weightOffset: Float
  /// What the checkpoint calls the weight, where it is not "weight".
  public let checkpointNames: [String: String]

  /// A norm over a width.
  public init(_ width: Int, eps: Float, weightOffset: Float = 0, names: [String: String] = [:]) {
    weight = Parameter([width])
    self.eps = eps
    self.weightOffset = weightOffset
    checkpointNames = names
  }

  /// [rows, width] -> [rows, width]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    scope(in: x.builder) {
      x.normalized(Norm(.rms, eps: eps, weightOffset: weightOffset), weight: weight.tensor(in: x.builder))
    }
  }
}
