import NeedletailGraph

/// What tells models of latent attention apart: how a token's experts are chosen, and what counts where a config says
/// nothing.
public protocol LatentFamily: Sendable {
  /// How experts are chosen, `chosen` of them.
  static func routing(_ json: ConfigJSON, chosen: Int) throws(ConfigError) -> Routing
  /// What counts where a config says nothing of experts.
  static var usualExperts: ExpertFields.Usual { get }
  /// Whether each expert has a bias that takes part in the choice only.
  static var hasChoiceBias: Bool { get }
}

/// The config of a decoder of latent attention and, behind the first layers, experts, some of which every token goes
/// through (DeepSeek-AI 2024, arXiv 2401.06066). What is left out counts as in the `transformers` library.
public struct LatentConfig<Family: LatentFamily>: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Sizes of attention.
  public let shape: LatentAttentionShape
  /// Factor of its scores.
  public let attentionScale: Float
  /// Whether its first and last projections have biases, and those of feed-forward layers.
  public let attentionBias, mlpBias: Bool
  /// Positions.
  public let rope: Rope
  /// Experts.
  public let mixture: ExpertFields

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    shape = try LatentAttentionShape(json)
    fields = try DecoderFields(json, headDim: shape.plainDim + shape.rotaryDim)
    attentionScale = try LatentAttention.scale(shape, json)
    attentionBias = try json("attention_bias", default: false)
    mlpBias = try json("mlp_bias", default: false)
    rope = try Rope(
      json, headDim: shape.rotaryDim, maximumSequenceLength: fields.maximumSequenceLength,
      isInterleaved: json("rope_interleave", default: true))
    mixture = try ExpertFields(json, layerCount: fields.layerCount, usual: Family.usualExperts) {
      (chosen) throws(ConfigError) in try Family.routing(json, chosen: chosen)
    }
  }

  /// As the protocol says.
  public var ignoredLayerCount: Int { mixture.draftCount }

  /// Latent attention.
  public func attention(layer: Int) -> any AttentionLayer {
    LatentAttention(shape, rope: rope, scale: attentionScale, bias: attentionBias)
  }

  /// A mixture, or in the first layers none.
  public func feedForward(layer: Int) -> any UnaryLayer {
    mixture.feedForward(layer: layer, fields, bias: mlpBias, choiceBias: Family.hasChoiceBias)
  }
}
