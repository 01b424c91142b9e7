import NeedletailGraph

/// MPT (MosaicML 2023): distances or learned positions, projections that may be clamped, norms that may go without biases.
public struct MPTBlock: DecoderBlock {
  /// Before attention, before the feed-forward layer.
  public let norm1, norm2: LayerNorm
  /// Attention.
  public let attn: MPTAttention
  /// The feed-forward layer.
  public let ffn: MPTMLP
  /// The checkpoint's names.
  public static let checkpointNames = ["norm1": "norm_1", "norm2": "norm_2"]
  /// The checkpoint's names around the blocks.
  public static let stackNames = [
    "model": "transformer", "embedTokens": "wte", "positions": "wpe", "layers": "blocks", "norm": "norm_f",
  ]

  /// The block at a place in the stack.
  public init(_ config: MPTConfig, layer: Int) {
    norm1 = config.norm
    norm2 = config.norm
    attn = MPTAttention(config)
    ffn = MPTMLP(config.hiddenSize, config.innerSize, bias: config.bias)
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let h = x + attn(norm1(x), step)
    return h + ffn(norm2(h))
  }
}

/// Attention of MPT.
public struct MPTAttention: Layer {
  /// hidden -> queries, keys, values
  public let qkv: Linear
  /// hidden -> hidden
  public let outProj: Linear
  /// Of all queries, of all keys of a token; nil: none.
  public let qLn, kLn: LayerNorm?
  /// What happens to queries, keys and values.
  public let heads: AttentionHeads
  /// What the first projection's results are kept between; nil: nothing.
  public let bound: Float?
  /// The checkpoint's names.
  public static let checkpointNames = ["qkv": "Wqkv"]

  init(_ config: MPTConfig) {
    let shape = config.attention
    qkv = Linear(shape.hiddenSize, shape.fusedWidth, bias: config.bias, split: .columns)
    outProj = Linear(shape.hiddenSize, shape.hiddenSize, bias: config.bias, split: .rows)
    func norm(_ heads: Int) -> LayerNorm? {
      config.normsQueries ? LayerNorm(heads * shape.headDim, eps: config.normEps, bias: config.bias) : nil
    }
    qLn = norm(shape.headCount)
    kLn = norm(shape.kvHeadCount)
    heads = AttentionHeads(shape, scale: config.attentionScale, alibiSlopes: config.alibiSlopes)
    bound = config.bound
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    scope(in: x.builder) {
      let parts = qkv.attentionParts(heads.shape, .stacked)
      func project(_ part: LinearPart, _ norm: LayerNorm?) -> Tensor {
        let y = bound.map { part(x).clamped(to: -$0...$0) } ?? part(x)
        return norm.map { $0(y) } ?? y
      }
      return outProj(heads(project(parts.q, qLn), project(parts.k, kLn), project(parts.v, nil), step))
    }
  }
}

/// The feed-forward layer of MPT.
public struct MPTMLP: FeedForward {
  /// width -> inner width
  public let up: Linear
  /// inner width -> width
  public let down: Linear
  /// The checkpoint's names.
  public static let checkpointNames = ["up": "up_proj", "down": "down_proj"]

  init(_ width: Int, _ innerWidth: Int, bias: Bool) {
    up = Linear(width, innerWidth, bias: bias, split: .columns)
    down = Linear(innerWidth, width, bias: bias, split: .rows)
  }

  /// gelu
  public var activation: Activation { .gelu }
}
