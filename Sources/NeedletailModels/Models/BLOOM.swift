import NeedletailGraph

/// The config of BLOOM (BigScience 2022): distances instead of positions, a norm of the embedded tokens.
public struct BLOOMConfig: BlockConfig {
  /// The checkpoint's names.
  public static let blockNames = ["selfAttn": "self_attention"]
  /// The checkpoint's names around the blocks.
  public static let stackNames = [
    "model": "transformer", "embedTokens": "word_embeddings", "embeddingNorm": "word_embeddings_layernorm",
    "layers": "h", "norm": "ln_f",
  ]
  /// Widths and counts of attention.
  public let attention: AttentionShape
  /// Penalties of distances.
  public let alibiSlopes: [Float]
  /// As the protocol says.
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
  public var embeddingNorm: (any UnaryLayer)? { norm() }

  /// For each head its query, its key, its value.
  public func attention(layer: Int) -> any AttentionLayer {
    FusedAttention(
      AttentionHeads(attention, alibiSlopes: alibiSlopes), .byHead, bias: true, names: MegatronNames.attention)
  }

  /// Without a gate.
  public func feedForward(layer: Int) -> any UnaryLayer {
    PlainMLP(hiddenSize, 4 * hiddenSize, activation: .geluTanh, bias: true, names: MegatronNames.mlp)
  }

  /// With a bias.
  public func norm() -> any UnaryLayer { LayerNorm(hiddenSize, eps: normEps) }
}
