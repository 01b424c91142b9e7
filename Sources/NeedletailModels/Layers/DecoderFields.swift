import NeedletailGraph

/// The fields that the config of nearly every decoder has, under their usual names.
///
///     fields = try DecoderFields(json, kvHeadCount: 8, eps: 1e-5)
public struct DecoderFields: Hashable, Sendable {
  /// Widths and counts of attention.
  public var attention: AttentionShape
  /// Inner width of feed-forward layers.
  public var intermediateSize: Int
  /// Of feed-forward layers.
  public var activation: Activation
  /// As `DecoderConfig` says.
  public var vocabularySize, layerCount, maximumSequenceLength: Int
  /// As `DecoderConfig` says.
  public var normEps: Float
  /// As `DecoderConfig` says.
  public var tiesEmbeddings: Bool

  /// Reads the fields. What follows `json` is what counts where a field is missing, and the names of those two that have
  /// several.
  public init(
    _ json: ConfigJSON, kvHeadCount: Int? = nil, headDim: Int? = nil, activation: Activation = .silu,
    activationName: String = "hidden_act", eps: Float = 1e-6, epsName: String = "rms_norm_eps",
    tiesEmbeddings: Bool = false
  ) throws(ConfigError) {
    attention = try AttentionShape(json, kvHeadCount: kvHeadCount, headDim: headDim)
    intermediateSize = try json("intermediate_size")
    self.activation = try json.activation(activationName, default: activation)
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    layerCount = try json("num_hidden_layers", in: ConfigJSON.layerCounts)
    maximumSequenceLength = try json("max_position_embeddings", in: ConfigJSON.lengths)
    normEps = try json.eps(epsName, default: eps)
    self.tiesEmbeddings = try json("tie_word_embeddings", default: tiesEmbeddings)
  }

  /// Rotary positions over these heads, as `Rope.init` reads them.
  public func rope(
    _ json: ConfigJSON, theta: Double = 10_000, partial: Double = 1, isInterleaved: Bool = false,
    layerType: String? = nil
  ) throws(ConfigError) -> Rope {
    try Rope(
      json, headDim: attention.headDim, maximumSequenceLength: maximumSequenceLength, theta: theta, partial: partial,
      isInterleaved: isInterleaved, layerType: layerType)
  }
}

/// A config that has the usual fields, and makes the parts of blocks.
public protocol FieldsConfig: BlockConfig {
  /// The fields nearly all configs have.
  var fields: DecoderFields { get }
}

extension FieldsConfig {
  /// As the fields say.
  public var vocabularySize: Int { fields.vocabularySize }
  /// As the fields say.
  public var hiddenSize: Int { fields.attention.hiddenSize }
  /// As the fields say.
  public var layerCount: Int { fields.layerCount }
  /// As the fields say.
  public var maximumSequenceLength: Int { fields.maximumSequenceLength }
  /// As the fields say.
  public var normEps: Float { fields.normEps }
  /// As the fields say.
  public var tiesEmbeddings: Bool { fields.tiesEmbeddings }
  /// down(activation(gate(x)) * up(x)) without biases.
  public func feedForward(layer: Int) -> any UnaryLayer {
    GatedMLP(hiddenSize, fields.intermediateSize, activation: fields.activation)
  }
}
