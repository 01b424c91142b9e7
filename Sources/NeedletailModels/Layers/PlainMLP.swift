import NeedletailGraph

/// down(activation(up(x))) (Vaswani et al. 2017): [rows, width] -> [rows, width].
///
///     PlainMLP(width, innerWidth, activation: .gelu, bias: true, names: ["up": "fc1", "down": "fc2"])
public struct PlainMLP: UnaryLayer {
  /// width -> inner width
  public let up: Linear
  /// inner width -> width
  public let down: Linear
  /// Between the two.
  public let activation: Activation
  /// What the checkpoint calls the two.
  public let checkpointNames: [String: String]

  /// A layer of a width and an inner width. `isTransposed`: matrices are stored [inputs, outputs]. `names` are the
  /// checkpoint's, where they are not up_proj and down_proj.
  public init(
    _ width: Int, _ innerWidth: Int, activation: Activation, bias: Bool, isTransposed: Bool = false,
    names: [String: String] = [:]
  ) {
    up = Linear(width, innerWidth, bias: bias, split: .columns, isTransposed: isTransposed)
    down = Linear(innerWidth, width, bias: bias, split: .rows, isTransposed: isTransposed)
    self.activation = activation
    checkpointNames = ["up": "up_proj", "down": "down_proj"].merging(names) { $1 }
  }

  /// [rows, width] -> [rows, width]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    scope(in: x.builder) { down(up(x).activation(activation)) }
  }
}
