import NeedletailGraph

/// Where a checkpoint of several models keeps its text model.
public protocol TextPlace: Sendable {
  /// As `DecoderBlock.stackNames`.
  static var stackNames: [String: String] { get }
  /// As `DecoderConfig.ignoredPrefixes`: the other models.
  static var ignoredPrefixes: [String] { get }
}

/// The text model of a config of several, such as one for images: its member "text_config". Requests with images are not
/// known here.
public struct TextConfig<Text: FieldsConfig, Place: TextPlace>: FieldsConfig {
  /// The text model's config.
  public let text: Text
  /// As the protocol says.
  public let fields: DecoderFields
  /// The checkpoint's names.
  public static var blockNames: [String: String] { Text.blockNames }
  /// The checkpoint's names.
  public static var stackNames: [String: String] { Place.stackNames }
  /// As the text model's.
  public static var ignoredSuffixes: [String] { Text.ignoredSuffixes }

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    guard let group = try json.group("text_config") else {
      throw ConfigError("\(json.path(of: "text_config")) is missing")
    }
    text = try Text(group)
    var fields = text.fields
    if !group.has("tie_word_embeddings") {
      fields.tiesEmbeddings = try json("tie_word_embeddings", default: fields.tiesEmbeddings)
    }
    self.fields = fields
  }

  /// As the text model's.
  public func attention(layer: Int) -> any AttentionLayer { text.attention(layer: layer) }
  /// As the text model's.
  public func feedForward(layer: Int) -> any UnaryLayer { text.feedForward(layer: layer) }
  /// As the text model's.
  public func norm() -> any UnaryLayer { text.norm() }
  /// As the text model's.
  public var residualScale: Float { text.residualScale }
  /// As the text model's.
  public var addsToNorms: Bool { text.addsToNorms }
  /// As the text model's.
  public var embeddingScale: Float { text.embeddingScale }
  /// As the text model's.
  public var logitScale: Float { text.logitScale }
  /// As the text model's.
  public var logitSoftcap: Float? { text.logitSoftcap }
  /// As the text model's.
  public var headBias: Bool { text.headBias }
  /// The other models, and what the text model's checkpoint may have.
  public var ignoredPrefixes: [String] { Place.ignoredPrefixes + text.ignoredPrefixes }
  /// As the text model's.
  public var ignoredLayerCount: Int { text.ignoredLayerCount }
  /// As the text model's.
  public var embeddingNorm: (any UnaryLayer)? { text.embeddingNorm }
  /// As the text model's.
  public var finalNorm: (any UnaryLayer)? { text.finalNorm }
}

/// The text model under "language_model", beside one for images: Gemma 3, Llama 4, Mistral Small 3, Kimi-K2.5.
public enum LanguageModelPlace: TextPlace {
  /// The text model.
  public static let stackNames = ["model": "language_model.model", "lmHead": "language_model.lm_head"]
  /// The others.
  public static let ignoredPrefixes = [
    "vision_tower.", "vision_model.", "multi_modal_projector.", "mm_projector.",
  ]
}
