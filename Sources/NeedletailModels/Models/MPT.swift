import NeedletailGraph

/// The config of MPT (MosaicML 2023), as its authors' library (llm-foundry) understands it: distances or learned positions,
/// projections that may be clamped, norms that may go without biases.
public struct MPTConfig: BlockConfig {
  /// The checkpoint's names.
  public static let blockNames = [
    "selfAttn": "attn", "mlp": "ffn", "inputLayernorm": "norm_1", "postAttentionLayernorm": "norm_2",
  ]
  /// The checkpoint's names around the blocks.
  public static let stackNames = [
    "model": "transformer", "embedTokens": "wte", "positions": "wpe", "layers": "blocks", "norm": "norm_f",
  ]
  /// Widths and counts of attention.
  public let attention: AttentionShape
  /// Factor of the scores; nil: the usual one.
  public let attentionScale: Float?
  /// Penalties of distances; nil: learned positions instead.
  public let alibiSlopes: [Float]?
  /// What queries, keys and values are kept between; nil: nothing.
  public let bound: Float?
  /// Whether queries and keys are normalized.
  public let normsQueries: Bool
  /// Whether projections and norms have biases.
  public let bias: Bool
  /// Inner width of the feed-forward layer.
  public let innerSize: Int
  /// As the protocol says.
  public let vocabularySize, layerCount, maximumSequenceLength: Int
  /// As the protocol says.
  public let normEps, logitScale: Float
  /// As the protocol says.
  public let tiesEmbeddings: Bool
  private let hasPositions: Bool

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    let group = try json.group("attn_config")
    let isMultiQuery = try group?.choice(
      "attn_type", default: false, ["multihead_attention": false, "multiquery_attention": true])
    attention = try AttentionShape(
      json, hiddenSize: json.name("d_model", "hidden_size"), headCount: json.name("n_heads", "num_attention_heads"),
      kvHeadCount: isMultiQuery == true ? 1 : nil)
    attentionScale = try group?.optional("softmax_scale")
    let bound: Float = try group?("clip_qkv", default: 0) ?? 0
    guard bound >= 0 else { throw ConfigError("\(json.path(of: "attn_config.clip_qkv")) is \(bound), below 0") }
    self.bound = bound == 0 ? nil : bound
    normsQueries = try group?("qk_ln", default: false) ?? false
    for name in ["prefix_lm", "attn_uses_sequence_id", "rope", "qk_gn"] { try group?.expect(name, false) }
    let usesALiBi = try group?("alibi", default: true) ?? true
    let steepest: Double = try group?("alibi_bias_max", default: 8) ?? 8
    guard 0...1000 ~= steepest else {
      throw ConfigError(
        "\(json.path(of: "attn_config.alibi_bias_max")) is \(steepest), which is not between 0 and 1000")
    }
    alibiSlopes = usesALiBi ? ALiBi.slopes(headCount: attention.headCount, maximum: steepest) : nil
    hasPositions = try !usesALiBi && json("learned_pos_emb", default: true)
    bias = try !json("no_bias", default: true)
    let expansion = try json("expansion_ratio", default: 4, in: 1...1024)
    guard ConfigJSON.sizes ~= expansion * attention.hiddenSize else {
      throw ConfigError("\(json.path(of: "expansion_ratio")) is \(expansion), too much for \(attention.hiddenSize)")
    }
    innerSize = expansion * attention.hiddenSize
    _ = try json.choice("norm_type", default: true, ["low_precision_layernorm": true, "layernorm": true])
    _ = try json.group("ffn_config")?.choice("ffn_type", default: true, ["mptmlp": true])
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    layerCount = try json(json.name("n_layers", "num_hidden_layers"), in: ConfigJSON.layerCounts)
    maximumSequenceLength = try json("max_seq_len", default: 2048, in: ConfigJSON.lengths)
    normEps = try json.eps("layer_norm_epsilon", default: 1e-5)
    tiesEmbeddings = try json("tie_word_embeddings", default: true)
    logitScale = try Self.logitScale(json, width: attention.hiddenSize)
  }

  // A number, or a text that stands for one.
  private static func logitScale(_ json: ConfigJSON, width: Int) throws -> Float {
    if let number: Float = try? json.optional("logit_scale") { return number }
    return try json.choice("logit_scale", default: 1, ["inv_sqrt_d_model": 1 / Float(width).squareRoot()])
  }

  /// As the protocol says.
  public var hiddenSize: Int { attention.hiddenSize }
  /// As the protocol says.
  public var positions: PositionEmbedding? {
    hasPositions ? PositionEmbedding(maximumSequenceLength, hiddenSize) : nil
  }

  /// With norms of all queries and all keys of a token in some.
  public func attention(layer: Int) -> any AttentionLayer {
    func norm(_ heads: Int) -> LayerNorm? {
      normsQueries ? LayerNorm(heads * attention.headDim, eps: normEps, bias: bias) : nil
    }
    return FusedAttention(
      AttentionHeads(attention, scale: attentionScale, alibiSlopes: alibiSlopes), bias: bias,
      qNorm: norm(attention.headCount), kNorm: norm(attention.kvHeadCount), bound: bound,
      names: ["qkv": "Wqkv", "output": "out_proj", "qNorm": "q_ln", "kNorm": "k_ln"])
  }

  /// Without a gate.
  public func feedForward(layer: Int) -> any UnaryLayer {
    PlainMLP(hiddenSize, innerSize, activation: .gelu, bias: bias)
  }

  /// With a bias or without.
  public func norm() -> any UnaryLayer { LayerNorm(hiddenSize, eps: normEps, bias: bias) }
}
