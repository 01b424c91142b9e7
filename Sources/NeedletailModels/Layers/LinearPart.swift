import NeedletailGraph

extension Linear {
  /// The layer that computes only some of the outputs: `rows`, once or out of every `period` outputs. So a checkpoint's
  /// fused projection is read as the projections it is made of, which the compiler merges again in its own order.
  ///
  ///     let q = qkvProj.part(rows: 0..<width)                          // [q; k; v]
  ///     let k = queryKeyValue.part(rows: d..<2 * d, of: 3 * d)         // of each head: q, k, v
  public func part(rows: Range<Int>, of period: Int? = nil) -> LinearPart {
    precondition(
      !rows.isEmpty && rows.upperBound <= period ?? weight.shape[0] && weight.shape[0] % (period ?? 1) == 0,
      "\(rows) of every \(period ?? weight.shape[0]) of \(weight.shape[0]) outputs")
    return LinearPart(linear: self, rows: rows, period: period)
  }
}

/// Some of the outputs of a linear layer: [rows, inputs] -> [rows, outputs taken].
///
/// Its parameters have the names of the whole layer, which has to be a property of the model; the part need not be one.
public struct LinearPart: UnaryLayer, CustomReflectable {
  let linear: Linear
  let rows: Range<Int>
  let period: Int?

  /// Nothing to be named: the parameters are the whole layer's.
  public var customMirror: Mirror { Mirror(self, children: [:]) }

  /// Outputs that are computed.
  public var outputs: Int { rows.count * (period.map { linear.weight.shape[0] / $0 } ?? 1) }

  /// [rows, inputs] -> [rows, outputs taken]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    linear.scope(in: x.builder) {
      x.linear(
        linear.weight.tensor(in: x.builder, rows: rows, period: period),
        bias: linear.bias?.tensor(in: x.builder, rows: rows, period: period))
    }
  }
}
