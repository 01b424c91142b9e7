import NeedletailGraph

/// A layer of attention: [tokens, hidden] -> [tokens, hidden].
public protocol AttentionLayer: Layer {
  /// [tokens, hidden] -> [tokens, hidden]
  func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor
}

/// Grouped-query self-attention (Vaswani et al. 2017, Ainslie et al. 2023), with norms of queries and keys where a model
/// has them: [tokens, hidden] -> [tokens, hidden].
///
///     SelfAttention(config.attention, rope: config.rope)
///     SelfAttention(heads, qNorm: HeadNorm(RMSNorm(headDim, eps: eps)), kNorm: HeadNorm(RMSNorm(headDim, eps: eps)))
public struct SelfAttention: AttentionLayer {
  /// hidden -> heads * head width
  public let qProj: Linear
  /// hidden -> kv heads * head width
  public let kProj: Linear
  /// hidden -> kv heads * value width
  public let vProj: Linear
  /// heads * value width -> hidden
  public let oProj: Linear
  /// Of queries [tokens, heads * head width] and keys [tokens, kv heads * head width], before they are rotated; nil: none.
  public let qNorm, kNorm: (any UnaryLayer)?
  /// [heads]: logits that take part in the softmax and add nothing; nil: none.
  public let sinks: Parameter?
  /// Bound of queries, keys and values, to both sides of 0; nil: none.
  public let bound: Float?
  /// Between the projections.
  public let heads: AttentionHeads
  /// Names of the properties above where they are not the usual ones.
  public let checkpointNames: [String: String]

  /// A layer. `bias`: of the projections of queries, keys and values; `outputBias`: of the last projection.
  /// `names` are the checkpoint's, where they are not q_proj, k_proj, v_proj, o_proj, q_norm, k_norm, sinks.
  public init(
    _ heads: AttentionHeads, bias: Bool = false, outputBias: Bool = false, qNorm: (any UnaryLayer)? = nil,
    kNorm: (any UnaryLayer)? = nil, bound: Float? = nil, sinks: Bool = false, names: [String: String] = [:]
  ) {
    let shape = heads.shape
    let width = shape.headCount * shape.headDim
    let kvWidth = shape.kvHeadCount * shape.headDim
    qProj = Linear(shape.hiddenSize, width, bias: bias, split: .columns)
    kProj = Linear(shape.hiddenSize, kvWidth, bias: bias, split: .columns)
    vProj = Linear(shape.hiddenSize, shape.kvHeadCount * shape.valueDim, bias: bias, split: .columns)
    oProj = Linear(shape.headCount * shape.valueDim, shape.hiddenSize, bias: outputBias, split: .rows)
    self.sinks = sinks ? Parameter([shape.headCount], split: .columns) : nil
    self.qNorm = qNorm
    self.kNorm = kNorm
    self.bound = bound
    self.heads = heads
    checkpointNames = names
  }

  /// A layer with rotary positions, or none, and no norms.
  public init(
    _ shape: AttentionShape, rope: Rope?, bias: Bool = false, outputBias: Bool = false, window: Int? = nil,
    scale: Float? = nil
  ) {
    self.init(
      AttentionHeads(shape, rope: rope, window: window, scale: scale), bias: bias, outputBias: outputBias)
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    scope(in: x.builder) {
      let projected = [qProj, kProj, vProj].map { $0(x).clamped(to: bound) }
      let q = qNorm.map { $0(projected[0]) } ?? projected[0]
      let k = kNorm.map { $0(projected[1]) } ?? projected[1]
      return oProj(heads(q, k, projected[2], step, sinks: sinks?.tensor(in: x.builder)))
    }
  }
}
