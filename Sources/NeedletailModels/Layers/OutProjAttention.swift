import NeedletailGraph

/// Attention with separate projections, the last of which is "out_proj": [tokens, hidden] -> [tokens, hidden].
public struct OutProjAttention: Layer {
  /// hidden -> heads * head width
  public let qProj: Linear
  /// hidden -> kv heads * head width
  public let kProj, vProj: Linear
  /// heads * head width -> hidden
  public let outProj: Linear
  /// What happens to queries, keys and values.
  public let heads: AttentionHeads

  /// A layer, all of whose projections have a bias or none.
  public init(_ heads: AttentionHeads, bias: Bool) {
    let shape = heads.shape
    let (width, kvWidth) = (shape.headCount * shape.headDim, shape.kvHeadCount * shape.headDim)
    qProj = Linear(shape.hiddenSize, width, bias: bias, split: .columns)
    kProj = Linear(shape.hiddenSize, kvWidth, bias: bias, split: .columns)
    vProj = Linear(shape.hiddenSize, kvWidth, bias: bias, split: .columns)
    outProj = Linear(width, shape.hiddenSize, bias: bias, split: .rows)
    self.heads = heads
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    scope(in: x.builder) { outProj(heads(qProj(x), kProj(x), vProj(x), step)) }
  }
}
