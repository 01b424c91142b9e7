import NeedletailGraph

/// InternLM2 (Cai et al. 2024): Llama with one projection for queries, keys and values, under other names.
public struct InternLM2Block: DecoderBlock {
  /// Attention.
  public let attention: InternLM2Attention
  /// The feed-forward layer.
  public let feedForward: InternLM2MLP
  /// Before attention, before the feed-forward layer.
  public let attentionNorm, ffnNorm: RMSNorm
  /// The checkpoint's names around the blocks.
  public static let stackNames = ["embedTokens": "tok_embeddings", "lmHead": "output"]

  /// The block at a place in the stack.
  public init(_ config: InternLM2Config, layer: Int) {
    attention = InternLM2Attention(config)
    feedForward = InternLM2MLP(config.hiddenSize, config.intermediateSize, activation: config.activation)
    attentionNorm = RMSNorm(config.hiddenSize, eps: config.normEps)
    ffnNorm = RMSNorm(config.hiddenSize, eps: config.normEps)
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let h = x + attention(attentionNorm(x), step)
    return h + feedForward(ffnNorm(h))
  }
}

/// Attention of InternLM2.
public struct InternLM2Attention: FusedAttention {
  /// hidden -> for each key head its queries, its key, its value
  public let qkv: Linear
  /// heads * head width -> hidden
  public let output: Linear
  /// What happens to queries, keys and values.
  public let heads: AttentionHeads
  /// The checkpoint's names.
  public static let checkpointNames = ["qkv": "wqkv", "output": "wo"]

  init(_ config: InternLM2Config) {
    let shape = config.attention
    qkv = Linear(shape.hiddenSize, shape.fusedWidth, bias: config.bias, split: .columns)
    output = Linear(shape.headCount * shape.headDim, shape.hiddenSize, bias: config.bias, split: .rows)
    heads = AttentionHeads(shape, rope: config.rope)
  }

  /// By key head.
  public var order: FusedOrder { .byHead }
}

/// The feed-forward layer of InternLM2.
public struct InternLM2MLP: GatedFeedForward {
  /// width -> inner width: the gate, and what it is multiplied by
  public let w1, w3: Linear
  /// inner width -> width
  public let w2: Linear
  /// Of the gate.
  public let activation: Activation

  init(_ width: Int, _ innerWidth: Int, activation: Activation) {
    w1 = Linear(width, innerWidth, split: .columns)
    w3 = Linear(width, innerWidth, split: .columns)
    w2 = Linear(innerWidth, width, split: .rows)
    self.activation = activation
  }

  /// w1 x, w3 x
  public func gateAndUp(_ x: Tensor) -> (gate: Tensor, up: Tensor) { (w1(x), w3(x)) }
  /// The last projection.
  public var down: Linear { w2 }
}

/// The config of InternLM2.
public struct InternLM2Config: DecoderConfig {
  /// Widths and counts of attention.
  public let attention: AttentionShape
  /// Whether the projections of attention have biases.
  public let bias: Bool
  /// Positions.
  public let rope: Rope
  /// Inner width of the feed-forward layer.
  public let intermediateSize: Int
  /// Of its gate.
  public let activation: Activation
  /// As the protocol says.
  public let vocabularySize, layerCount, maximumSequenceLength: Int
  /// As the protocol says.
  public let normEps: Float
  /// As the protocol says.
  public let tiesEmbeddings: Bool

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    let kvHeads = try json.optional("num_key_value_heads")
    attention = try AttentionShape(
      json, hiddenSize: "hidden_size", headCount: "num_attention_heads", kvHeadCount: kvHeads)
    bias = try json("bias", default: true)
    intermediateSize = try json("intermediate_size")
    activation = try json.activation("hidden_act", default: .silu)
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    layerCount = try json("num_hidden_layers", in: ConfigJSON.layerCounts)
    maximumSequenceLength = try json("max_position_embeddings", default: 2048, in: ConfigJSON.lengths)
    normEps = try json.eps("rms_norm_eps", default: 1e-6)
    tiesEmbeddings = try json("tie_word_embeddings", default: false)
    rope = try Rope(json, headDim: attention.headDim, maximumSequenceLength: maximumSequenceLength)
  }

  /// As the protocol says.
  public var hiddenSize: Int { attention.hiddenSize }
}
