import NeedletailGraph

/// Attention under the names that Megatron-LM (Shoeybi et al. 2019) and its descendants use.
public struct MegatronAttention: FusedAttention {
  /// hidden -> for each key head its queries, its key, its value
  public let queryKeyValue: Linear
  /// heads * head width -> hidden
  public let dense: Linear
  /// What happens to queries, keys and values.
  public let heads: AttentionHeads
  /// How they lie.
  public let order: FusedOrder

  /// A layer. `bias`: of the first projection; `outputBias`: of the last; nil: as the first.
  public init(_ heads: AttentionHeads, order: FusedOrder = .byHead, bias: Bool, outputBias: Bool? = nil) {
    let shape = heads.shape
    queryKeyValue = Linear(shape.hiddenSize, shape.fusedWidth, bias: bias, split: .columns)
    dense = Linear(shape.headCount * shape.headDim, shape.hiddenSize, bias: outputBias ?? bias, split: .rows)
    self.heads = heads
    self.order = order
  }

  /// The first projection.
  public var qkv: Linear { queryKeyValue }
  /// The last projection.
  public var output: Linear { dense }
}

/// A feed-forward layer under the names that Megatron-LM and its descendants use.
public struct MegatronMLP: FeedForward {
  /// width -> inner width
  public let up: Linear
  /// inner width -> width
  public let down: Linear
  /// Between the two.
  public let activation: Activation
  /// The checkpoint's names.
  public static let checkpointNames = ["up": "dense_h_to_4h", "down": "dense_4h_to_h"]

  /// A layer of a width and an inner width.
  public init(_ width: Int, _ innerWidth: Int, activation: Activation, bias: Bool) {
    up = Linear(width, innerWidth, bias: bias, split: .columns)
    down = Linear(innerWidth, width, bias: bias, split: .rows)
    self.activation = activation
  }
}
