import NeedletailGraph

/// ChatGLM 2 and 3 and GLM-4-9B in their first form (GLM team 2024): half of each head is rotated, in pairs of neighbours;
/// few key heads; one projection for the gate and what it multiplies.
public struct ChatGLMBlock: DecoderBlock {
  /// Before attention, before the feed-forward layer.
  public let inputLayernorm, postAttentionLayernorm: any UnaryLayer
  /// Attention.
  public let selfAttention: MegatronAttention
  /// The feed-forward layer.
  public let mlp: ChatGLMMLP
  /// Whether sums start from what norms give instead of from what they read.
  public let addsToNorms: Bool
  /// The checkpoint's names around the blocks.
  public static let stackNames = [
    "model": "transformer", "embedTokens": "embedding.word_embeddings", "layers": "encoder.layers",
    "norm": "encoder.final_layernorm", "lmHead": "transformer.output_layer",
  ]
  /// Frequencies of rotary embeddings.
  public static let ignoredSuffixes = ["rotary_pos_emb.inv_freq"]

  /// The block at a place in the stack.
  public init(_ config: ChatGLMConfig, layer: Int) {
    selfAttention = MegatronAttention(
      AttentionHeads(config.attention, rope: config.rope), order: config.order, bias: config.qkvBias,
      outputBias: config.bias)
    mlp = ChatGLMMLP(config.hiddenSize, config.innerSize, bias: config.bias)
    inputLayernorm = config.norm
    postAttentionLayernorm = config.norm
    addsToNorms = config.addsToNorms
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let forAttention = inputLayernorm(x)
    let h = (addsToNorms ? forAttention : x) + selfAttention(forAttention, step)
    let forMLP = postAttentionLayernorm(h)
    return (addsToNorms ? forMLP : h) + mlp(forMLP)
  }
}

/// The feed-forward layer of ChatGLM.
public struct ChatGLMMLP: GatedFeedForward {
  /// width -> the gate, and what it is multiplied by
  public let both: Linear
  /// inner width -> width
  public let down: Linear
  /// The checkpoint's names.
  public static let checkpointNames = ["both": "dense_h_to_4h", "down": "dense_4h_to_h"]
  private let innerWidth: Int

  init(_ width: Int, _ innerWidth: Int, bias: Bool) {
    both = Linear(width, 2 * innerWidth, bias: bias, split: .columns)
    down = Linear(innerWidth, width, bias: bias, split: .rows)
    self.innerWidth = innerWidth
  }

  /// silu
  public var activation: Activation { .silu }

  /// The halves of the first projection's results.
  public func gateAndUp(_ x: Tensor) -> (gate: Tensor, up: Tensor) {
    (both.part(rows: 0..<innerWidth)(x), both.part(rows: innerWidth..<2 * innerWidth)(x))
  }
}
