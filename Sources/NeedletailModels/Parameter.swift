import NeedletailGraph

/// A weight of a model: its shape, and how it may be divided over ranks. It holds no data.
///
/// A parameter is known by its identity; its name in the checkpoint is the path of the property that holds it (see
/// `Layer`). Using one parameter twice uses one weight twice.
///
///     let weight = Parameter([4096, 1024], split: .columns)
public final class Parameter: Sendable {
  /// Sizes as the mathematics has them: [outputs, inputs] for a matrix.
  public let shape: [Int]
  /// How it is divided over tensor-parallel ranks; nil: every rank has all of it.
  public let split: Split?
  /// Whether the checkpoint has its two dimensions in the other order: [inputs, outputs].
  public let isTransposed: Bool

  /// A parameter of a shape, all of whose sizes are positive.
  public init(_ shape: [Int], split: Split? = nil, isTransposed: Bool = false) {
    precondition(!shape.isEmpty && shape.allSatisfy { $0 > 0 }, "a parameter of shape \(shape)")
    precondition(!isTransposed || shape.count == 2, "a transposed parameter of shape \(shape)")
    self.shape = shape
    self.split = split
    self.isTransposed = isTransposed
  }

  /// Sizes as the checkpoint has them.
  public var checkpointShape: [Int] { isTransposed ? shape.reversed() : shape }

  /// The weight in the graph that is being recorded, under the parameter's name. To be called inside `Layer.record`, as
  /// `LanguageModel.trace` does.
  public func tensor(in builder: GraphBuilder) -> Tensor {
    guard let names = ParameterNames.current else {
      preconditionFailure("parameter \(shape) is used outside of Layer.record and LanguageModel.trace")
    }
    let part = Weight.Part(
      names.name(of: self) ?? ParameterNames.unreached, shape: checkpointShape, transposed: isTransposed)
    return builder.weight(Weight(parts: [part], split: split))
  }
}
