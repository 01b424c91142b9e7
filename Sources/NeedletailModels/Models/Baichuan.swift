import NeedletailGraph

/// The config of Baichuan 1 and 2 (Yang et al. 2023): Llama with one projection for queries, keys and values; the 13B models
/// have penalties of distances instead of positions; the heads of Baichuan 2 have rows of unit length. Nothing in a config
/// says which of the models it is of: those with positions have a "max_position_embeddings", and those of the second
/// generation a "z_loss_weight".
public struct BaichuanConfig: BlockConfig {
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

  /// With one projection.
  public func attention(layer: Int) -> any AttentionLayer {
    FusedAttention(
      AttentionHeads(attention, rope: rope, alibiSlopes: alibiSlopes), names: ["qkv": "W_pack"])
  }

  /// Gated.
  public func feedForward(layer: Int) -> any UnaryLayer {
    GatedMLP(hiddenSize, intermediateSize, activation: activation)
  }
}
