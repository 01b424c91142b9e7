import NeedletailGraph

/// A norm of each head by itself, with the same weights for all: [tokens, heads * head width] -> the same.
///
///     HeadNorm(RMSNorm(headDim, eps: eps), headDim)
public struct HeadNorm: UnaryLayer {
  /// Named as the layer itself.
  public static let checkpointNames = ["norm": ""]

  /// [rows, head width] -> [rows, head width]
  public let norm: any UnaryLayer
  /// Width of a head.
  public let headDim: Int

  /// A norm of heads of a width.
  public init(_ norm: any UnaryLayer, _ headDim: Int) {
    self.norm = norm
    self.headDim = headDim
  }

  /// [tokens, heads * head width] -> [tokens, heads * head width]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    let width = x.type.width
    return norm(x.reshaped(.tokens, .fixed(width / headDim), .fixed(headDim))).reshaped(.tokens, .fixed(width))
  }
}

/// A layer norm of each head by itself, with weights of its own and no biases: [tokens, heads * head width] -> the same.
/// Models bring the weights under their checkpoint's names.
public protocol SeparateHeadNorm: UnaryLayer {
  /// The weights of all heads, one after the other: [heads * head width].
  var parts: [Weight.Part] { get }
  /// Width of a head.
  var headDim: Int { get }
  /// Added to the variance.
  var eps: Float { get }
}

extension SeparateHeadNorm {
  /// [tokens, heads * head width] -> [tokens, heads * head width]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    scope(in: x.builder) {
      let width = x.type.width
      let heads = x.reshaped(.tokens, .fixed(width / headDim), .fixed(headDim)).normalized(Norm(.layer, eps: eps))
      return heads.reshaped(.tokens, .fixed(width)) * x.builder.weight(Weight(parts: parts))
    }
  }
}
