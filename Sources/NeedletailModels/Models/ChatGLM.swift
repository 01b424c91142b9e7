import NeedletailGraph

/// The config of ChatGLM 2 and 3 and of GLM-4-9B in their first form (GLM team 2024): half of each head is rotated, in pairs
/// of neighbours; few key heads; one projection for the gate and what it multiplies.
public struct ChatGLMConfig: BlockConfig {
  /// The checkpoint's names.
  public static let blockNames = ["selfAttn": "self_attention"]
  /// The checkpoint's names around the blocks.
  public static let stackNames = [
    "model": "transformer", "embedTokens": "embedding.word_embeddings", "layers": "encoder.layers",
    "norm": "encoder.final_layernorm", "lmHead": "transformer.output_layer",
  ]
  /// Frequencies of rotary embeddings.
  public static let ignoredSuffixes = ["rotary_pos_emb.inv_freq"]
  /// Widths and counts of attention.
  public let attention: AttentionShape
  /// How queries, keys and values lie.
  public let order: FusedOrder
  /// Positions.
  public let rope: Rope
  /// Whether the first projection of attention has a bias; whether the others have.
  public let qkvBias, bias: Bool
  /// As the protocol says.
  public let addsToNorms: Bool
  /// Inner width of the feed-forward layer.
  public let innerSize: Int
  /// As the protocol says.
  public let vocabularySize, layerCount, maximumSequenceLength: Int
  /// As the protocol says.
  public let normEps: Float
  /// As the protocol says.
  public let tiesEmbeddings: Bool
  private let hasFinalNorm, hasRMSNorms: Bool

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    let (width, heads) = (try json("hidden_size"), try json("num_attention_heads"))
    let isMultiQuery = try json("multi_query_attention", default: false)
    let groups = isMultiQuery ? try json("multi_query_group_num", default: 1) : heads
    guard heads % groups == 0 else {
      throw ConfigError("\(json.path(of: "num_attention_heads")) is \(heads), which is no multiple of \(groups)")
    }
    let headDim = try json("kv_channels", default: max(width / heads, 1))
    guard headDim % 4 == 0, ConfigJSON.sizes ~= heads * headDim else {
      throw ConfigError("\(json.path(of: "kv_channels")) is \(headDim), of which half cannot be rotated in pairs")
    }
    attention = AttentionShape(hiddenSize: width, headCount: heads, kvHeadCount: groups, headDim: headDim)
    order = isMultiQuery ? .stacked : .byHead
    let ratio: Double = try json("rope_ratio", default: 1)
    guard ratio > 1e-3, ratio < 1e9 else { throw ConfigError("\(json.path(of: "rope_ratio")) is \(ratio)") }
    rope = Rope(dimensions: headDim / 2, theta: 10_000 * ratio, isInterleaved: true)
    bias = try json("add_bias_linear", default: false)
    qkvBias = try bias || json("add_qkv_bias", default: false)
    addsToNorms = try json("apply_residual_connection_post_layernorm", default: false)
    innerSize = try json("ffn_hidden_size")
    vocabularySize = try json(json.name("padded_vocab_size", "vocab_size"), in: ConfigJSON.vocabularySizes)
    layerCount = try json(json.name("num_layers", "num_hidden_layers"), in: ConfigJSON.layerCounts)
    maximumSequenceLength = try json("seq_length", default: 2048, in: ConfigJSON.lengths)
    normEps = try json.eps("layernorm_epsilon", default: 1e-5)
    tiesEmbeddings = try json("tie_word_embeddings", default: false)
    hasFinalNorm = try json("post_layer_norm", default: true)
    hasRMSNorms = try json("rmsnorm", default: true)
    try json.expect("original_rope", true)
    if let prefix = try json.optional("pre_seq_len", in: 0...ConfigJSON.lengths.upperBound), prefix > 0 {
      throw ConfigError("\(json.path(of: "pre_seq_len")) is \(prefix): learned prefixes are not known")
    }
  }

  /// As the protocol says.
  public var hiddenSize: Int { attention.hiddenSize }
  /// As the protocol says.
  public var finalNorm: (any UnaryLayer)? { hasFinalNorm ? norm() : nil }

  /// With a bias of the first projection in some.
  public func attention(layer: Int) -> any AttentionLayer {
    FusedAttention(
      AttentionHeads(attention, rope: rope), order, bias: qkvBias, outputBias: bias, names: MegatronNames.attention)
  }

  /// With one projection for gate and up.
  public func feedForward(layer: Int) -> any UnaryLayer {
    FusedGatedMLP(
      hiddenSize, innerSize, bias: bias, names: ["gateUpProj": "dense_h_to_4h", "downProj": "dense_4h_to_h"])
  }

  /// Of either kind.
  public func norm() -> any UnaryLayer {
    hasRMSNorms ? RMSNorm(hiddenSize, eps: normEps) : LayerNorm(hiddenSize, eps: normEps)
  }
}
