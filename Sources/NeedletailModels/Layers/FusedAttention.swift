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

/// Self-attention whose checkpoint has one projection for queries, keys and values: [tokens, hidden] -> [tokens, hidden].
///
///     FusedAttention(heads, .byHead, bias: true, names: ["qkv": "query_key_value", "output": "dense"])
public struct FusedAttention: AttentionLayer {
  /// hidden -> `AttentionShape.fusedWidth`
  public let qkv: Linear
  /// heads * head width -> hidden
  public let output: Linear
  /// Of queries [tokens, heads * head width] and keys [tokens, kv heads * head width], before they are rotated; nil: none.
  public let qNorm, kNorm: (any UnaryLayer)?
  /// Bound of queries, keys and values, to both sides of 0; nil: none.
  public let bound: Float?
  /// Between the projections.
  public let heads: AttentionHeads
  /// How the first projection's outputs lie.
  public let order: FusedOrder
  /// What the checkpoint calls the properties above.
  public let checkpointNames: [String: String]

  /// A layer. `bias`: of the first projection; `outputBias`: of the last; nil: as the first. `isTransposed`: matrices are
  /// stored [inputs, outputs]. `names` are the checkpoint's, where they are not qkv_proj, o_proj, q_norm, k_norm.
  public init(
    _ heads: AttentionHeads, _ order: FusedOrder = .stacked, bias: Bool = false, outputBias: Bool? = nil,
    isTransposed: Bool = false, qNorm: (any UnaryLayer)? = nil, kNorm: (any UnaryLayer)? = nil, bound: Float? = nil,
    names: [String: String] = [:]
  ) {
    let shape = heads.shape
    qkv = Linear(shape.hiddenSize, shape.fusedWidth, bias: bias, split: .columns, isTransposed: isTransposed)
    output = Linear(
      shape.headCount * shape.headDim, shape.hiddenSize, bias: outputBias ?? bias, split: .rows,
      isTransposed: isTransposed)
    self.qNorm = qNorm
    self.kNorm = kNorm
    self.bound = bound
    self.heads = heads
    self.order = order
    checkpointNames = ["qkv": "qkv_proj", "output": "o_proj"].merging(names) { $1 }
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    func project(_ part: LinearPart, _ norm: (any UnaryLayer)?) -> Tensor {
      let y = part(x).clamped(to: bound)
      return norm.map { $0(y) } ?? y
    }
    return scope(in: x.builder) {
      let (q, k, v) = qkv.attentionParts(heads.shape, order)
      return output(heads(project(q, qNorm), project(k, kNorm), project(v, nil), step))
    }
  }
}

extension Tensor {
  /// The numbers kept within a bound to both sides of 0; nil: as they are.
  func clamped(to bound: Float?) -> Tensor { bound.map { clamped(to: -$0...$0) } ?? self }
}

/// What Megatron-LM (Shoeybi et al. 2019) and its descendants call the parts of a block.
enum MegatronNames {
  static let attention = ["qkv": "query_key_value", "output": "dense"]
  static let mlp = ["up": "dense_h_to_4h", "down": "dense_4h_to_h"]
}
