import NeedletailGraph

/// A gated feed-forward layer whose checkpoint has one projection for gate and up, in this order:
/// [rows, width] -> [rows, width].
public struct FusedGatedMLP: UnaryLayer {
  /// width -> twice the inner width
  public let gateUpProj: Linear
  /// inner width -> width
  public let downProj: Linear
  /// Of the gate.
  public let activation: Activation
  /// Names of the properties above where they are not the usual ones.
  public let checkpointNames: [String: String]

  /// A layer of a width and an inner width. `names` are the checkpoint's, where they are not gate_up_proj and down_proj.
  public init(
    _ width: Int, _ innerWidth: Int, activation: Activation = .silu, bias: Bool = false, names: [String: String] = [:]
  ) {
    gateUpProj = Linear(width, 2 * innerWidth, bias: bias, split: .columns)
    downProj = Linear(innerWidth, width, bias: bias, split: .rows)
    self.activation = activation
    checkpointNames = names
  }

  /// [rows, width] -> [rows, width]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    scope(in: x.builder) {
      let width = gateUpProj.weight.shape[0] / 2
      let (gate, up) = (gateUpProj.part(rows: 0..<width), gateUpProj.part(rows: width..<2 * width))
      return downProj(gate(x).activation(activation) * up(x))
    }
  }
}
