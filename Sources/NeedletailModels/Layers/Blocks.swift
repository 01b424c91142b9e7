import NeedletailGraph

/// What the blocks of this file are built from: a config that makes the parts of each layer.
///
/// A model whose blocks are arranged as one of these brings a config, and is `CausalLM<PreNormBlock<MyConfig>>`.
public protocol BlockConfig: FieldsConfig {
  /// The attention of a layer.
  func attention(layer: Int) -> any AttentionLayer
  /// The feed-forward layer of a layer; a `GatedMLP` without biases unless said.
  func feedForward(layer: Int) -> any UnaryLayer
  /// A norm of the model's width; an RMSNorm unless said.
  func norm() -> any UnaryLayer
  /// Factor of what attention and feed-forward layers add; 1 unless said.
  var residualScale: Float { get }
  /// The checkpoint's names of a block's properties, where they are not their own in snake case.
  static var blockNames: [String: String] { get }
  /// As `DecoderBlock.stackNames`.
  static var stackNames: [String: String] { get }
}

extension BlockConfig {
  /// down(activation(gate(x)) * up(x)) without biases.
  public func feedForward(layer: Int) -> any UnaryLayer {
    GatedMLP(hiddenSize, fields.intermediateSize, activation: fields.activation)
  }
  /// An RMSNorm without an offset.
  public func norm() -> any UnaryLayer { RMSNorm(hiddenSize, eps: normEps) }
  /// Like the norms of blocks.
  public var finalNorm: (any UnaryLayer)? { norm() }
  /// 1
  public var residualScale: Float { 1 }
  /// The usual names.
  public static var blockNames: [String: String] { [:] }
  /// The usual names.
  public static var stackNames: [String: String] { [:] }
}

/// h = x + attention(norm(x)), h + mlp(norm(h)) (Xiong et al. 2020): Llama and most others.
public struct PreNormBlock<Config: BlockConfig>: DecoderBlock {
  /// The checkpoint's, which the config knows.
  public static var checkpointNames: [String: String] { Config.blockNames }
  /// The checkpoint's, which the config knows.
  public static var stackNames: [String: String] { Config.stackNames }

  /// Attention.
  public let selfAttn: any AttentionLayer
  /// The feed-forward layer.
  public let mlp: any UnaryLayer
  /// Before attention, before the feed-forward layer.
  public let inputLayernorm, postAttentionLayernorm: any UnaryLayer
  /// Factor of what is added.
  public let residualScale: Float

  /// The block at a place in the stack.
  public init(_ config: Config, layer: Int) {
    selfAttn = config.attention(layer: layer)
    mlp = config.feedForward(layer: layer)
    inputLayernorm = config.norm()
    postAttentionLayernorm = config.norm()
    residualScale = config.residualScale
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let h = x + selfAttn(inputLayernorm(x), step) * residualScale
    return h + mlp(postAttentionLayernorm(h)) * residualScale
  }
}

/// h = x + norm(attention(x)), h + norm(mlp(h)): OLMo 2, Exaone 4.
public struct PostNormBlock<Config: BlockConfig>: DecoderBlock {
  /// The checkpoint's, which the config knows.
  public static var checkpointNames: [String: String] { Config.blockNames }
  /// The checkpoint's, which the config knows.
  public static var stackNames: [String: String] { Config.stackNames }

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
public struct SandwichNormBlock<Config: BlockConfig>: DecoderBlock {
  /// The checkpoint's, which the config knows.
  public static var checkpointNames: [String: String] {
    ["attentionOutputNorm": "post_attention_layernorm"].merging(Config.blockNames) { $1 }
  }
  /// The checkpoint's, which the config knows.
  public static var stackNames: [String: String] { Config.stackNames }

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
public struct ParallelBlock<Config: BlockConfig>: DecoderBlock {
  /// The checkpoint's, which the config knows.
  public static var checkpointNames: [String: String] { Config.blockNames }
  /// The checkpoint's, which the config knows.
  public static var stackNames: [String: String] { Config.stackNames }

  /// Attention.
  public let selfAttn: any AttentionLayer
  /// The feed-forward layer.
  public let mlp: any UnaryLayer
  /// Before both.
  public let inputLayernorm: any UnaryLayer

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
