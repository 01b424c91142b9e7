import NeedletailGraph

/// In which order one projection has the outputs for queries, keys and values.
public enum FusedOrder: Hashable, Sendable {
  /// All queries, all keys, all values.
  case stacked
  /// For each key head: its queries, its key, its value.
  case byHead
}

extension Linear {
  /// The projections that one for queries, keys and values is made of.
  public func attentionParts(_ shape: AttentionShape, _ order: FusedOrder) -> (
    q: LinearPart, k: LinearPart, v: LinearPart
  ) {
    let isStacked = order == .stacked
    let queries = (isStacked ? shape.headCount : shape.headCount / shape.kvHeadCount) * shape.headDim
    let keys = (isStacked ? shape.kvHeadCount : 1) * shape.headDim
    let period = isStacked || shape.kvHeadCount == 1 ? nil : queries + 2 * keys
    return (
      part(rows: 0..<queries, of: period), part(rows: queries..<queries + keys, of: period),
      part(rows: queries + keys..<queries + 2 * keys, of: period)
    )
  }
}

extension AttentionShape {
  /// Outputs of one projection for queries, keys and values.
  public var fusedWidth: Int { (headCount + 2 * kvHeadCount) * headDim }
}

/// Attention whose checkpoint has one projection for queries, keys and values. Models bring the projections under their
/// checkpoint's names.
///
///     struct GPT2Attention: FusedAttention {
///       let cAttn, cProj: Linear
///       let heads: AttentionHeads
///       var qkv: Linear { cAttn }
///       var output: Linear { cProj }
///       var order: FusedOrder { .stacked }
///     }
public protocol FusedAttention: AttentionLayer {
  /// hidden -> `AttentionShape.fusedWidth`
  var qkv: Linear { get }
  /// How its outputs lie.
  var order: FusedOrder { get }
  /// What happens to queries, keys and values.
  var heads: AttentionHeads { get }
  /// heads * head width -> hidden
  var output: Linear { get }
}

extension FusedAttention {
  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    scope(in: x.builder) {
      let (q, k, v) = qkv.attentionParts(heads.shape, order)
      return output(heads(q(x), k(x), v(x), step))
    }
  }
}
