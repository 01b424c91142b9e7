import NeedletailGraph

/// OPT (Zhang et al. 2022): norms before attention and the feed-forward layer, or after their sums (OPT-350m).
public struct OPTBlock: DecoderBlock {
  /// Attention.
  public let selfAttn: SelfAttention
  /// Of attention, of the feed-forward layer.
  public let selfAttnLayerNorm, finalLayerNorm: LayerNorm
  /// The feed-forward layer.
  public let mlp: PlainMLP
  /// Whether norms come before what they belong to.
  public let normsFirst: Bool
  /// Projections of the feed-forward layer are named as the block's own.
  public static let checkpointNames = ["mlp": ""]
  /// The checkpoint's names around the blocks.
  public static let stackNames = [
    "model": "model.decoder", "positions": "embed_positions", "norm": "final_layer_norm",
  ]

  /// The block at a place in the stack.
  public init(_ config: OPTConfig, layer: Int) {
    selfAttn = SelfAttention(
      AttentionHeads(config.attention), bias: config.bias, outputBias: config.bias, names: ["oProj": "out_proj"])
    selfAttnLayerNorm = config.norm
    finalLayerNorm = config.norm
    mlp = PlainMLP(
      config.hiddenSize, config.innerSize, activation: config.activation, bias: config.bias,
      names: ["up": "fc1", "down": "fc2"])
    normsFirst = config.normsFirst
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    guard normsFirst else {
      let h = selfAttnLayerNorm(x + selfAttn(x, step))
      return finalLayerNorm(h + mlp(h))
    }
    let h = x + selfAttn(selfAttnLayerNorm(x), step)
    return h + mlp(finalLayerNorm(h))
  }
}

/// The config of OPT.
public struct OPTConfig: DecoderConfig {
  /// Widths and counts of attention.
  public let attention: AttentionShape
  /// Whether all projections of the blocks have biases.
  public let bias: Bool
  /// Inner width of the feed-forward layer.
  public let innerSize: Int
  /// Of the feed-forward layer.
  public let activation: Activation
  /// Whether norms come before what they belong to.
  public let normsFirst: Bool
  /// As the protocol says.
  public let vocabularySize, layerCount, maximumSequenceLength, embeddingSize: Int
  /// As the protocol says.
  public let normEps: Float
  /// As the protocol says.
  public let tiesEmbeddings: Bool
  private let normsHaveWeights, hasFinalNorm: Bool

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    attention = try AttentionShape(json, hiddenSize: "hidden_size", headCount: "num_attention_heads")
    bias = try json("enable_bias", default: true)
    innerSize = try json("ffn_dim")
    activation = try json.activation("activation_function", default: .relu)
    normsFirst = try json("do_layer_norm_before", default: true)
    normsHaveWeights = try json("layer_norm_elementwise_affine", default: true)
    hasFinalNorm = try normsFirst && !json("_remove_final_layer_norm", default: false)
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    layerCount = try json("num_hidden_layers", in: ConfigJSON.layerCounts)
    maximumSequenceLength = try json("max_position_embeddings", default: 2048, in: ConfigJSON.lengths)
    embeddingSize = try json("word_embed_proj_dim", default: attention.hiddenSize)
    normEps = 1e-5
    tiesEmbeddings = try json("tie_word_embeddings", default: true)
  }

  /// As the protocol says.
  public var hiddenSize: Int { attention.hiddenSize }
  /// As the protocol says. The first two rows of the table are those of padding.
  public var positions: PositionEmbedding? { PositionEmbedding(maximumSequenceLength, hiddenSize, offset: 2) }
  /// As the protocol says.
  public var finalNorm: (any UnaryLayer)? { hasFinalNorm ? norm : nil }
  /// A norm over the model's width.
  var norm: LayerNorm { LayerNorm(hiddenSize, eps: normEps, weight: normsHaveWeights, bias: normsHaveWeights) }
}
