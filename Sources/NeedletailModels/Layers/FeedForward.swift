import NeedletailGraph

/// What a feed-forward layer of two projections computes: down(activation(up(x))) (Vaswani et al. 2017).
/// Models bring the projections under their checkpoint's names.
///
///     struct GPT2MLP: FeedForward {
///       let cFc, cProj: Linear
///       let activation: Activation
///       var up: Linear { cFc }
///       var down: Linear { cProj }
///     }
public protocol FeedForward: UnaryLayer {
  /// width -> inner width
  var up: Linear { get }
  /// Between the two.
  var activation: Activation { get }
  /// inner width -> width
  var down: Linear { get }
}

extension FeedForward {
  /// [rows, width] -> [rows, width]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    scope(in: x.builder) { down(up(x).activation(activation)) }
  }
}
