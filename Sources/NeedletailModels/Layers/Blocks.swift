import NeedletailGraph

/// h = x + attention(norm(x)), h + mlp(norm(h)) (Xiong et al. 2020): Llama and most others.
public struct PreNormBlock<Config: BlockConfig>: ConfiguredBlock {
  /// Attention.
  public let selfAttn: any AttentionLayer
  /// The feed-forward layer.
  public let mlp: any UnaryLayer
  /// Before attention, before the feed-forward layer.
  public let inputLayernorm, postAttentionLayernorm: any UnaryLayer
  /// Factor of what is added.
  public let residualScale: Float
  /// Whether it is added to what the norms give instead of to what they read.
  public let addsToNorms: Bool

  /// The block at a place in the stack.
  public init(_ config: Config, layer: Int) {
    selfAttn = config.attention(layer: layer)
    mlp = config.feedForward(layer: layer)
    inputLayernorm = config.norm()
    postAttentionLayernorm = config.norm()
    residualScale = config.residualScale
    addsToNorms = config.addsToNorms
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let forAttention = inputLayernorm(x)
    let h = (addsToNorms ? forAttention : x) + selfAttn(forAttention, step) * residualScale
    let forMLP = postAttentionLayernorm(h)
    return (addsToNorms ? forMLP : h) + mlp(forMLP) * residualScale
  }
}

/// h = x + norm(attention(x)), h + norm(mlp(h)): OLMo 2, Exaone 4.
public struct PostNormBlock<Config: BlockConfig>: ConfiguredBlock {
  /// Attention.
  public let selfAttn: any AttentionLayer
  /// The feed-forward layer.
  public let mlp: any UnaryLayer
  /// Of what attention gives, of what the feed-forward layer gives.
  public let postAttentionLayernorm, postFeedforwardLayernorm: any UnaryLayer

  /// The block at a place in the stack.
  public init(_ config: Config, layer: Int) {
    selfAttn = config.attention(layer: layer)
    mlp = config.feedForward(layer: layer)
    postAttentionLayernorm = config.norm()
    postFeedforwardLayernorm = config.norm()
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let h = x + postAttentionLayernorm(selfAttn(x, step))
    return h + postFeedforwardLayernorm(mlp(h))
  }
}

/// h = x + norm(attention(norm(x))), h + norm(mlp(norm(h))): Gemma 2 and 3, GLM-4.
public struct SandwichNormBlock<Config: BlockConfig>: ConfiguredBlock {
  /// The checkpoint's, which the config knows.
  public static var checkpointNames: [String: String] {
    ["attentionOutputNorm": "post_attention_layernorm"].merging(Config.blockNames) { $1 }
  }

  /// Attention.
  public let selfAttn: any AttentionLayer
  /// The feed-forward layer.
  public let mlp: any UnaryLayer
  /// Before and after attention.
  public let inputLayernorm, attentionOutputNorm: any UnaryLayer
  /// Before and after the feed-forward layer.
  public let preFeedforwardLayernorm, postFeedforwardLayernorm: any UnaryLayer

  /// The block at a place in the stack.
  public init(_ config: Config, layer: Int) {
    selfAttn = config.attention(layer: layer)
    mlp = config.feedForward(layer: layer)
    inputLayernorm = config.norm()
    attentionOutputNorm = config.norm()
    preFeedforwardLayernorm = config.norm()
    postFeedforwardLayernorm = config.norm()
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let h = x + attentionOutputNorm(selfAttn(inputLayernorm(x), step))
    return h + postFeedforwardLayernorm(mlp(preFeedforwardLayernorm(h)))
  }
}

/// x + attention(norm(x)) + mlp(norm(x)), with one norm (Wang and Komatsuzaki 2021): Cohere, Phi-2.
public struct ParallelBlock<Config: BlockConfig>: ConfiguredBlock {
  /// Before both.
  public let inputLayernorm: any UnaryLayer
  /// Attention.
  public let selfAttn: any AttentionLayer
  /// The feed-forward layer.
  public let mlp: any UnaryLayer

  /// The block at a place in the stack.
  public init(_ config: Config, layer: Int) {
    selfAttn = config.attention(layer: layer)
    mlp = config.feedForward(layer: layer)
    inputLayernorm = config.norm()
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let normal = inputLayernorm(x)
    return x + selfAttn(normal, step) + mlp(normal)
  }
}
