import NeedletailGraph

/// BLOOM (BigScience 2022): distances instead of positions, a norm of the embedded tokens.
public struct BLOOMBlock: DecoderBlock {
  /// Before attention, before the feed-forward layer.
  public let inputLayernorm, postAttentionLayernorm: LayerNorm
  /// Attention.
  public let selfAttention: MegatronAttention
  /// The feed-forward layer.
  public let mlp: MegatronMLP
  /// Whether sums start from what norms give instead of from what they read.
  public let addsToNorms: Bool
  /// The checkpoint's names around the blocks.
  public static let stackNames = [
    "model": "transformer", "embedTokens": "word_embeddings", "embeddingNorm": "word_embeddings_layernorm",
    "layers": "h", "norm": "ln_f",
  ]

  /// The block at a place in the stack.
  public init(_ config: BLOOMConfig, layer: Int) {
    selfAttention = MegatronAttention(AttentionHeads(config.attention, alibiSlopes: config.alibiSlopes), bias: true)
    mlp = MegatronMLP(config.hiddenSize, 4 * config.hiddenSize, activation: .geluTanh, bias: true)
    inputLayernorm = LayerNorm(config.hiddenSize, eps: config.normEps)
    postAttentionLayernorm = LayerNorm(config.hiddenSize, eps: config.normEps)
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

/// The config of BLOOM.
public struct BLOOMConfig: DecoderConfig {
  /// Widths and counts of attention.
  public let attention: AttentionShape
  /// Penalties of distances.
  public let alibiSlopes: [Float]
  /// Whether sums start from what norms give instead of from what they read.
  public let addsToNorms: Bool
  /// As the protocol says.
  public let vocabularySize, layerCount, maximumSequenceLength: Int
  /// As the protocol says.
  public let normEps: Float
  /// As the protocol says.
  public let tiesEmbeddings: Bool

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    attention = try AttentionShape(
      json, hiddenSize: json.name("n_embed", "hidden_size"), headCount: json.name("n_head", "num_attention_heads"))
    alibiSlopes = ALiBi.slopes(headCount: attention.headCount)
    addsToNorms = try json("apply_residual_connection_post_layernorm", default: false)
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    layerCount = try json(json.name("n_layer", "num_hidden_layers"), in: ConfigJSON.layerCounts)
    maximumSequenceLength = try json("seq_length", default: 2048, in: ConfigJSON.lengths)
    normEps = try json.eps("layer_norm_epsilon", default: 1e-5)
    tiesEmbeddings = try json("tie_word_embeddings", default: true)
  }

  /// As the protocol says.
  public var hiddenSize: Int { attention.hiddenSize }
  /// As the protocol says.
  public var embeddingNorm: (any UnaryLayer)? { LayerNorm(hiddenSize, eps: normEps) }
  /// As the protocol says.
  public var finalNorm: (any UnaryLayer)? { LayerNorm(hiddenSize, eps: normEps) }
}
