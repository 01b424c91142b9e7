import NeedletailGraph

/// A layer of one operand.
public protocol UnaryLayer: Layer {
  /// The layer's result, of x [rows, width].
  func callAsFunction(_ x: Tensor) -> Tensor
}

/// x weightᵀ + bias: [rows, inputs] -> [rows, outputs].
public struct Linear: UnaryLayer {
  /// [outputs, inputs]
  public let weight: Parameter
  /// [outputs]
  public let bias: Parameter?

  /// A layer of so many inputs and outputs. `split` says how ranks may share it: `.columns` by outputs, `.rows` by inputs.
  /// `isTransposed`: the checkpoint's weight is [inputs, outputs]. `hasUnitRows`: each output's weights are divided by
  /// their length.
  public init(
    _ inputs: Int, _ outputs: Int, bias: Bool = false, split: Split? = nil, isTransposed: Bool = false,
    hasUnitRows: Bool = false
  ) {
    weight = Parameter([outputs, inputs], split: split, isTransposed: isTransposed, hasUnitRows: hasUnitRows)
    // Split by inputs, every rank has a share of each sum, to which the whole bias is added once.
    self.bias = bias ? Parameter([outputs], split: split == .rows ? nil : split) : nil
  }

  /// [rows, inputs] -> [rows, outputs]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    scope(in: x.builder) { x.linear(weight.tensor(in: x.builder), bias: bias?.tensor(in: x.builder)) }
  }
}
