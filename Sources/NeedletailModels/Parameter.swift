import NeedletailGraph

/// A weight of a model: its shape, and how it may be divided over ranks. It holds no data.
///
/// A parameter is known by its identity; its name in the checkpoint is the path of the property that holds it (see
/// `Layer`). Using one parameter twice uses one weight twice.
///
///     let weight = Parameter([4096, 1024], split: .columns)
///     let experts = Parameter([8, 4096, 1024])              // eight matrices; `tensor(in:index:)` is one of them
public final class Parameter: Sendable {
  /// Sizes as the mathematics has them: [outputs, inputs] for a matrix, [matrices, outputs, inputs] for several.
  public let shape: [Int]
  /// How it is divided over tensor-parallel ranks; nil: every rank has all of it.
  public let split: Split?
  /// Whether the checkpoint has the last two dimensions in the other order: [inputs, outputs].
  public let isTransposed: Bool

  /// Whether each row of the checkpoint's matrix is divided by its length √(sum of squares), when it is loaded.
  public let hasUnitRows: Bool

  /// A parameter of a shape, all of whose sizes are positive.
  public init(_ shape: [Int], split: Split? = nil, isTransposed: Bool = false, hasUnitRows: Bool = false) {
    precondition(1...3 ~= shape.count && shape.allSatisfy { $0 > 0 }, "a parameter of shape \(shape)")
    precondition(!isTransposed || shape.count > 1, "a transposed parameter of shape \(shape)")
    self.shape = shape
    self.split = split
    self.isTransposed = isTransposed
    self.hasUnitRows = hasUnitRows
  }

  /// Sizes as the checkpoint has them.
  public var checkpointShape: [Int] {
    isTransposed ? Array(shape.dropLast(2) + shape.suffix(2).reversed()) : shape
  }

  /// The weight in the graph that is being recorded, under the parameter's name. To be called inside `Layer.record`, as
  /// `LanguageModel.trace` does.
  ///
  /// It may be read in part: `index` chooses one matrix (or vector) of several, `rows` some of its rows, once or out of
  /// every `period` rows:
  ///
  ///     qkv.tensor(in: builder, rows: 0..<64, period: 192)    // rows 0-63, 192-255, ...: the queries of each head
  public func tensor(
    in builder: GraphBuilder, rows: Range<Int>? = nil, period: Int? = nil, index: Int? = nil
  ) -> Tensor {
    builder.weight(Weight(parts: [part(rows: rows, period: period, index: index)], split: split))
  }

  /// What `tensor(in:rows:period:index:)` reads, for weights that are merged of several parts.
  public func part(rows: Range<Int>? = nil, period: Int? = nil, index: Int? = nil) -> Weight.Part {
    guard let names = ParameterNames.current else {
      preconditionFailure("parameter \(shape) is used outside of Layer.record and LanguageModel.trace")
    }
    return Weight.Part(
      names.name(of: self) ?? ParameterNames.unreached, shape: checkpointShape, transposed: isTransposed, rows: rows,
      period: period, index: index, hasUnitRows: hasUnitRows)
  }
}
