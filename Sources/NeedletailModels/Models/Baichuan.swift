import NeedletailGraph

/// Baichuan 1 and 2 (Yang et al. 2023): Llama with one projection for queries, keys and values; the 13B models have
/// penalties of distances instead of positions; the heads of Baichuan 2 have rows of unit length.
public struct BaichuanBlock: DecoderBlock {
  /// Attention.
  public let selfAttn: BaichuanAttention
  /// The feed-forward layer.
  public let mlp: GatedMLP
  /// Before attention, before the feed-forward layer.
  public let inputLayernorm, postAttentionLayernorm: RMSNorm

  /// The block at a place in the stack.
  public init(_ config: BaichuanConfig, layer: Int) {
    selfAttn = BaichuanAttention(
      AttentionHeads(config.attention, rope: config.rope, alibiSlopes: config.alibiSlopes))
    mlp = GatedMLP(config.hiddenSize, config.intermediateSize, activation: config.activation)
    inputLayernorm = RMSNorm(config.hiddenSize, eps: config.normEps)
    postAttentionLayernorm = RMSNorm(config.hiddenSize, eps: config.normEps)
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let h = x + selfAttn(inputLayernorm(x), step)
    return h + mlp(postAttentionLayernorm(h))
  }
}

/// Attention of Baichuan.
public struct BaichuanAttention: FusedAttention {
  /// hidden -> queries, keys, values
  public let qkv: Linear
  /// hidden -> hidden
  public let output: Linear
  /// What happens to queries, keys and values.
  public let heads: AttentionHeads
  /// The checkpoint's names.
  public static let checkpointNames = ["qkv": "W_pack", "output": "o_proj"]

  init(_ heads: AttentionHeads) {
    let shape = heads.shape
    qkv = Linear(shape.hiddenSize, shape.fusedWidth, split: .columns)
    output = Linear(shape.hiddenSize, shape.hiddenSize, split: .rows)
    self.heads = heads
  }

  /// Queries, keys, values.
  public var order: FusedOrder { .stacked }
}

/// The config of Baichuan. Nothing in it says which of the models it is of: those with positions have a
/// "max_position_embeddings", and those of the second generation a "z_loss_weight".
public struct BaichuanConfig: DecoderConfig {
  /// Widths and counts of attention.
  public let attention: AttentionShape
  /// Positions; nil: penalties of distances instead.
  public let rope: Rope?
  /// Those penalties.
  public let alibiSlopes: [Float]?
  /// Inner width of the feed-forward layer.
  public let intermediateSize: Int
  /// Of its gate.
  public let activation: Activation
  /// As the protocol says.
  public let vocabularySize, layerCount, maximumSequenceLength: Int
  /// As the protocol says.
  public let normEps: Float
  /// As the protocol says.
  public let tiesEmbeddings, headHasUnitRows: Bool

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    attention = try AttentionShape(json, hiddenSize: "hidden_size", headCount: "num_attention_heads")
    intermediateSize = try json("intermediate_size")
    activation = try json.activation("hidden_act", default: .silu)
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    layerCount = try json("num_hidden_layers", in: ConfigJSON.layerCounts)
    let positionCount = try json.optional("max_position_embeddings", in: ConfigJSON.lengths)
    let length = try positionCount ?? json("model_max_length", default: 4096, in: ConfigJSON.lengths)
    maximumSequenceLength = length
    normEps = try json.eps("rms_norm_eps", default: 1e-6)
    tiesEmbeddings = try json("tie_word_embeddings", default: false)
    headHasUnitRows = json.has("z_loss_weight")
    guard !(tiesEmbeddings && headHasUnitRows) else {
      throw ConfigError("\(json.path(of: "tie_word_embeddings")) is true, but a head of unit rows is no embedding")
    }
    rope =
      try positionCount == nil ? nil : Rope(json, headDim: attention.headDim, maximumSequenceLength: length)
    alibiSlopes = positionCount == nil ? ALiBi.slopes(headCount: attention.headCount) : nil
  }

  /// As the protocol says.
  public var hiddenSize: Int { attention.hiddenSize }
}
