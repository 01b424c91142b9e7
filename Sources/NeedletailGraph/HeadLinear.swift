/// Operations of latent attention (DeepSeek-AI 2024), where every query head has a matrix of its own.
extension Tensor {
  /// Each head times its own matrix: [rows, heads, k] and [heads n, k], of which a head has n rows -> [rows, heads, n].
  ///
  /// `isTransposed`: the weight is [heads k, n], and a head's matrix is read with its dimensions exchanged.
  public func headLinear(_ weight: Tensor, isTransposed: Bool = false) -> Tensor {
    builder.record(.headLinear(isTransposed: isTransposed), [self, weight])
  }

  /// Elements of both, row by row: [rows, width] and [rows, other width] -> [rows, width + other width].
  public func concatenated(_ other: Tensor) -> Tensor { builder.record(.concatenate, [self, other]) }
}

/// The sizes of a product by heads.
public struct HeadLinearShape: Hashable, Sendable {
  /// Heads, each with its own matrix.
  public let heads: Int
  /// Outputs of a head.
  public let n: Int
  /// Inputs of a head.
  public let k: Int

  /// The sizes of x [rows, heads, k] times a weight; nil where they do not go together.
  public init?(_ x: TensorType, _ weight: TensorType, isTransposed: Bool) {
    guard x.shape.count == 3, let heads = x.shape[1].fixed, let k = x.shape[2].fixed, weight.shape.count == 2,
      let rows = weight.shape[0].fixed, let columns = weight.shape[1].fixed, heads > 0, rows > 0, rows % heads == 0,
      (isTransposed ? rows / heads : columns) == k
    else { return nil }
    self.heads = heads
    self.k = k
    n = isTransposed ? columns : rows / heads
  }
}

extension Op {
  /// The type of a product by heads.
  static func headLinearType(_ inputs: [TensorType], isTransposed: Bool) throws(GraphError) -> TensorType {
    guard inputs.count == 2 else { throw GraphError("has \(inputs.count) operands") }
    guard let shape = HeadLinearShape(inputs[0], inputs[1], isTransposed: isTransposed) else {
      throw GraphError("does not fit \(inputs[0]), \(inputs[1])")
    }
    return TensorType(inputs[0].dtype, [inputs[0].shape[0], .fixed(shape.heads), .fixed(shape.n)])
  }

  /// The type of two tensors side by side.
  static func concatenatedType(_ inputs: [TensorType]) throws(GraphError) -> TensorType {
    guard inputs.count == 2 else { throw GraphError("has \(inputs.count) operands") }
    let (a, b) = (inputs[0], inputs[1])
    guard a.shape.count >= 2, a.shape.dropLast() == b.shape.dropLast(), let width = a.shape.last?.fixed,
      let other = b.shape.last?.fixed
    else { throw GraphError("cannot put \(b) beside \(a)") }
    return TensorType(a.dtype, a.shape.dropLast() + [.fixed(width + other)])
  }
}

extension Attention {
  /// The type of the result for queries, keys, values (unless they are part of the keys) and sinks of these types.
  func resultType(_ inputs: [TensorType]) throws(GraphError) -> TensorType {
    let heads = inputs.prefix(valuesFromKeys == nil ? 3 : 2)
    guard heads.count...heads.count + 1 ~= inputs.count, heads.count == (valuesFromKeys == nil ? 3 : 2) else {
      throw GraphError("has \(inputs.count) operands")
    }
    func require(_ condition: Bool) throws(GraphError) {
      guard condition else { throw GraphError("does not fit \(inputs.map(\.description).joined(separator: ", "))") }
    }
    let (q, k) = (inputs[0], inputs[1])
    try require(heads.allSatisfy { $0.shape.count == 3 && $0.shape[0] == .tokens } && q.shape[2] == k.shape[2])
    guard let queryHeads = q.shape[1].fixed, let kvHeads = k.shape[1].fixed, kvHeads > 0, queryHeads % kvHeads == 0
    else { throw GraphError("has query heads that are no multiple of its key heads") }
    if inputs.count > heads.count { try require(inputs[heads.count].shape == [.fixed(queryHeads)]) }
    let result = TensorType(
      q.dtype, [.tokens, .fixed(queryHeads), valuesFromKeys.map(Dim.fixed) ?? inputs[2].shape[2]])
    if let valuesFromKeys {
      guard valuesFromKeys > 0, valuesFromKeys <= k.shape[2].count else {
        throw GraphError("has values of \(valuesFromKeys) in keys \(k)")
      }
    } else {
      try require(k.shape[1] == inputs[2].shape[1])
    }
    return result
  }
}
