import NeedletailGraph

/// down(activation(gate(x)) * up(x)) (Shazeer 2020): [rows, width] -> [rows, width].
public struct GatedMLP: UnaryLayer {
  /// width -> inner width
  public let gateProj, upProj: Linear
  /// inner width -> width
  public let downProj: Linear
  /// Of the gate.
  public let activation: Activation
  /// Names of the properties above where they are not the usual ones.
  public let checkpointNames: [String: String]

  /// A layer of a width and an inner width. `names` are the checkpoint's, where they are not gate_proj, up_proj and
  /// down_proj.
  public init(
    _ width: Int, _ innerWidth: Int, activation: Activation = .silu, bias: Bool = false, names: [String: String] = [:]
  ) {
    gateProj = Linear(width, innerWidth, bias: bias, split: .columns)
    upProj = Linear(width, innerWidth, bias: bias, split: .columns)
    downProj = Linear(innerWidth, width, bias: bias, split: .rows)
    self.activation = activation
    checkpointNames = names
  }

  /// [rows, width] -> [rows, width]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    scope(in: x.builder) { downProj(gateProj(x).activation(activation) * upProj(x)) }
  }
}
