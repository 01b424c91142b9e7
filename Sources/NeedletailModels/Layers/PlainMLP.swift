import NeedletailGraph

/// A feed-forward layer of two projections under names that are given: [rows, width] -> [rows, width].
public struct PlainMLP: FeedForward {
  /// width -> inner width
  public let up: Linear
  /// inner width -> width
  public let down: Linear
  /// Between the two.
  public let activation: Activation
  /// What the checkpoint calls the two.
  public let checkpointNames: [String: String]

  /// A layer of a width and an inner width, whose projections the checkpoint calls `up` and `down`.
  public init(
    _ width: Int, _ innerWidth: Int, activation: Activation, bias: Bool, up upName: String, down downName: String
  ) {
    up = Linear(width, innerWidth, bias: bias, split: .columns)
    down = Linear(innerWidth, width, bias: bias, split: .rows)
    self.activation = activation
    checkpointNames = ["up": upName, "down": downName]
  }
}
