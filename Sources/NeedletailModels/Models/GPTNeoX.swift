import NeedletailGraph

/// GPT-NeoX (Black et al. 2022) and Pythia: attention and the feed-forward layer side by side, each with its own norm, or
/// one after the other.
public struct GPTNeoXBlock: DecoderBlock {
  /// Before attention, before the feed-forward layer.
  public let inputLayernorm, postAttentionLayernorm: LayerNorm
  /// Attention.
  public let attention: FusedAttention
  /// The feed-forward layer.
  public let mlp: PlainMLP
  /// Whether both read the block's input.
  public let isParallel: Bool
  /// The checkpoint's names around the blocks.
  public static let stackNames = [
    "model": "gpt_neox", "embedTokens": "embed_in", "norm": "final_layer_norm", "lmHead": "embed_out",
  ]
  /// Causal masks.
  public static let ignoredSuffixes = [".attention.bias"]

  /// The block at a place in the stack.
  public init(_ config: GPTNeoXConfig, layer: Int) {
    attention = FusedAttention(
      AttentionHeads(config.attention, rope: config.rope), .byHead, bias: config.attentionBias,
      names: MegatronNames.attention)
    mlp = PlainMLP(
      config.hiddenSize, config.innerSize, activation: config.activation, bias: true, names: MegatronNames.mlp)
    inputLayernorm = LayerNorm(config.hiddenSize, eps: config.normEps)
    postAttentionLayernorm = LayerNorm(config.hiddenSize, eps: config.normEps)
    isParallel = config.isParallel
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let h = x + attention(inputLayernorm(x), step)
    return h + mlp(postAttentionLayernorm(isParallel ? x : h))
  }
}

/// The config of GPT-NeoX.
public struct GPTNeoXConfig: DecoderConfig {
  /// Widths and counts of attention.
  public let attention: AttentionShape
  /// Whether the projections of attention have biases.
  public let attentionBias: Bool
  /// Positions.
  public let rope: Rope
  /// Inner width of the feed-forward layer.
  public let innerSize: Int
  /// Of the feed-forward layer.
  public let activation: Activation
  /// Whether attention and the feed-forward layer both read the block's input.
  public let isParallel: Bool
  /// As the protocol says.
  public let vocabularySize, layerCount, maximumSequenceLength: Int
  /// As the protocol says.
  public let normEps: Float
  /// As the protocol says.
  public let tiesEmbeddings: Bool

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    attention = try AttentionShape(json, hiddenSize: "hidden_size", headCount: "num_attention_heads")
    attentionBias = try json("attention_bias", default: true)
    innerSize = try json("intermediate_size")
    activation = try json.activation("hidden_act", default: .gelu)
    isParallel = try json("use_parallel_residual", default: true)
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    layerCount = try json("num_hidden_layers", in: ConfigJSON.layerCounts)
    maximumSequenceLength = try json("max_position_embeddings", default: 2048, in: ConfigJSON.lengths)
    normEps = try json.eps("layer_norm_eps", default: 1e-5)
    tiesEmbeddings = try json("tie_word_embeddings", default: false)
    rope = try Rope(
      json, headDim: attention.headDim, maximumSequenceLength: maximumSequenceLength,
      theta: json("rotary_emb_base", default: 10_000), partial: json("rotary_pct", default: 0.25))
  }

  /// As the protocol says.
  public var hiddenSize: Int { attention.hiddenSize }
  /// As the protocol says.
  public var finalNorm: (any UnaryLayer)? { LayerNorm(hiddenSize, eps: normEps) }
}
