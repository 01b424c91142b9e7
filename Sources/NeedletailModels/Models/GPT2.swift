import NeedletailGraph

/// GPT-2 (Radford et al. 2019) and models of GPT-3's sizes (Brown et al. 2020), which differ in these only.
public struct GPT2Block: DecoderBlock {
  /// Before attention, before the feed-forward layer.
  public let ln1, ln2: LayerNorm
  /// Attention.
  public let attn: GPT2Attention
  /// The feed-forward layer.
  public let mlp: GPT2MLP
  /// The checkpoint's names.
  public static let checkpointNames = ["ln1": "ln_1", "ln2": "ln_2"]
  /// The checkpoint's names around the blocks.
  public static let stackNames = [
    "model": "transformer", "embedTokens": "wte", "positions": "wpe", "layers": "h", "norm": "ln_f",
  ]
  /// Causal masks.
  public static let ignoredSuffixes = [".attn.bias"]

  /// The block at a place in the stack.
  public init(_ config: GPT2Config, layer: Int) {
    let width = config.hiddenSize
    attn = GPT2Attention(
      AttentionHeads(config.attention, scale: config.attentionScale(layer)), order: config.order,
      isTransposed: config.isTransposed)
    mlp = GPT2MLP(width, config.innerSize, activation: config.activation, isTransposed: config.isTransposed)
    ln1 = LayerNorm(width, eps: config.normEps)
    ln2 = LayerNorm(width, eps: config.normEps)
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let h = x + attn(ln1(x), step)
    return h + mlp(ln2(h))
  }
}

/// Attention of GPT-2 and GPTBigCode.
public struct GPT2Attention: FusedAttention {
  /// hidden -> queries, keys, values
  public let cAttn: Linear
  /// hidden -> hidden
  public let cProj: Linear
  /// What happens to queries, keys and values.
  public let heads: AttentionHeads
  /// How they lie.
  public let order: FusedOrder

  init(_ heads: AttentionHeads, order: FusedOrder, isTransposed: Bool) {
    let shape = heads.shape
    cAttn = Linear(shape.hiddenSize, shape.fusedWidth, bias: true, split: .columns, isTransposed: isTransposed)
    cProj = Linear(shape.hiddenSize, shape.hiddenSize, bias: true, split: .rows, isTransposed: isTransposed)
    self.heads = heads
    self.order = order
  }

  /// The first projection.
  public var qkv: Linear { cAttn }
  /// The last projection.
  public var output: Linear { cProj }
}

/// The feed-forward layer of GPT-2 and GPTBigCode.
public struct GPT2MLP: FeedForward {
  /// width -> inner width
  public let cFc: Linear
  /// inner width -> width
  public let cProj: Linear
  /// Between the two.
  public let activation: Activation

  init(_ width: Int, _ innerWidth: Int, activation: Activation, isTransposed: Bool) {
    cFc = Linear(width, innerWidth, bias: true, split: .columns, isTransposed: isTransposed)
    cProj = Linear(innerWidth, width, bias: true, split: .rows, isTransposed: isTransposed)
    self.activation = activation
  }

  /// The first projection.
  public var up: Linear { cFc }
  /// The last projection.
  public var down: Linear { cProj }
}
