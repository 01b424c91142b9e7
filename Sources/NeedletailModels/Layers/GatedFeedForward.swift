import NeedletailGraph

/// What a feed-forward layer with a gate computes: down(activation(gate(x)) * up(x)) (Shazeer 2020). Models bring the
/// projections under their checkpoint's names; `GatedMLP` has the usual ones.
public protocol GatedFeedForward: UnaryLayer {
  /// The results of width -> inner width before the activation, and what they are multiplied by: two layers, or parts of
  /// one.
  func gateAndUp(_ x: Tensor) -> (gate: Tensor, up: Tensor)
  /// Of the gate.
  var activation: Activation { get }
  /// inner width -> width
  var down: Linear { get }
}

extension GatedFeedForward {
  /// [rows, width] -> [rows, width]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    scope(in: x.builder) {
      let (gate, up) = gateAndUp(x)
      return down(gate.activation(activation) * up)
    }
  }
}
