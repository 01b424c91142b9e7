import NeedletailGraph

/// What a stack of decoder blocks needs to know of a model's config.
public protocol DecoderConfig: Sendable {
  /// Reads a config; throws a `ConfigError` where it is absurd or asks for what is not known.
  init(_ json: ConfigJSON) throws
  /// Tokens in the vocabulary.
  var vocabularySize: Int { get }
  /// Width of the model.
  var hiddenSize: Int { get }
  /// Blocks.
  var layerCount: Int { get }
  /// The longest sequence the model is made for, in tokens.
  var maximumSequenceLength: Int { get }
  /// Added to the mean square in norms.
  var normEps: Float { get }
  /// Whether the logits use the embedding's weight.
  var tiesEmbeddings: Bool { get }
  /// Whether the head that is not tied has a bias; no unless said.
  var headBias: Bool { get }
  /// Whether each row of a head that is not tied is divided by its length; no unless said.
  var headHasUnitRows: Bool { get }
  /// Width of the embedding and of the head, where projections lead to and from the model's; the model's unless said.
  var embeddingSize: Int { get }
  /// The norm of the embedded tokens; none unless said.
  var embeddingNorm: (any UnaryLayer)? { get }
  /// Learned positions, added to the embedded tokens; none unless said.
  var positions: PositionEmbedding? { get }
  /// Factor of the embedded tokens; 1 unless said.
  var embeddingScale: Float { get }
  /// Factor of the logits; 1 unless said.
  var logitScale: Float { get }
  /// c in c tanh(logit / c); nil unless said.
  var logitSoftcap: Float? { get }
  /// Layers behind the last one that checkpoints may have and that are not read; none unless said.
  var ignoredLayerCount: Int { get }
  /// Beginnings of the names of tensors that checkpoints may have and that are not read: those of parts beside the text
  /// model; none unless said.
  var ignoredPrefixes: [String] { get }
  /// The norm after the last block; an RMSNorm unless said, nil: none.
  var finalNorm: (any UnaryLayer)? { get }
}

extension DecoderConfig {
  /// No.
  public var headBias: Bool { false }
  /// No.
  public var headHasUnitRows: Bool { false }
  /// The model's width.
  public var embeddingSize: Int { hiddenSize }
  /// None.
  public var embeddingNorm: (any UnaryLayer)? { nil }
  /// None.
  public var positions: PositionEmbedding? { nil }
  /// 1
  public var embeddingScale: Float { 1 }
  /// 1
  public var logitScale: Float { 1 }
  /// None.
  public var logitSoftcap: Float? { nil }
  /// None.
  public var ignoredLayerCount: Int { 0 }
  /// None.
  public var ignoredPrefixes: [String] { [] }
  /// An RMSNorm without an offset.
  public var finalNorm: (any UnaryLayer)? { RMSNorm(hiddenSize, eps: normEps) }
}

/// One block of a decoder: attention, a feed-forward layer, norms, residuals.
///
/// An architecture brings its block and its config; `CausalLM<Block>` is the model.
public protocol DecoderBlock: Layer {
  /// What it is built from.
  associatedtype Config: DecoderConfig
  /// The block at a place in the stack, counted from 0.
  init(_ config: Config, layer: Int)
  /// [tokens, hidden] -> [tokens, hidden]
  func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor
  /// Names of the properties of `CausalLM` and `Decoder` where the checkpoint's are not their own in snake case ("model",
  /// "lm_head", "embed_tokens", "layers", "norm"...): `["model": "transformer", "embedTokens": "wte", "layers": "h"]`.
  static var stackNames: [String: String] { get }
  /// Endings of the names of tensors that checkpoints may have and that are not read, beside the usual ones.
  static var ignoredSuffixes: [String] { get }
}

extension DecoderBlock {
  /// The usual names.
  public static var stackNames: [String: String] { [:] }
  /// No others.
  public static var ignoredSuffixes: [String] { [] }
}

/// Embedding, positions, blocks, norm: token ids to hidden states.
public struct Decoder<Block: DecoderBlock>: Layer {
  /// The checkpoint's names, which the block knows.
  public static var checkpointNames: [String: String] { Block.stackNames }

  /// [vocabulary, embedding width]
  public let embedTokens: Embedding
  /// After the embedding; nil: none.
  public let embeddingNorm: (any UnaryLayer)?
  /// From the embedding's width to the model's, and back after the last block; nil: they are the same.
  public let projectIn, projectOut: Linear?
  /// Added to the embedded tokens; nil: none.
  public let positions: PositionEmbedding?
  /// In order.
  public let layers: [Block]
  /// After the last block; nil: none.
  public let norm: (any UnaryLayer)?
  /// Factor of the embedded tokens.
  public let embeddingScale: Float

  /// The stack a config describes.
  public init(_ config: Block.Config) {
    let (outer, inner) = (config.embeddingSize, config.hiddenSize)
    embedTokens = Embedding(config.vocabularySize, outer)
    embeddingNorm = config.embeddingNorm
    projectIn = outer == inner ? nil : Linear(outer, inner)
    projectOut = outer == inner ? nil : Linear(inner, outer)
    positions = config.positions
    layers = (0..<config.layerCount).map { Block(config, layer: $0) }
    norm = config.finalNorm
    embeddingScale = config.embeddingScale
  }

  /// The hidden states of every token: [tokens, embedding width].
  public func callAsFunction(_ step: Step) -> Tensor {
    scope(in: step.builder) {
      var x = embedTokens(step.tokenIDs, scale: embeddingScale)
      if let embeddingNorm { x = embeddingNorm(x) }
      if let projectIn { x = projectIn(x) }
      if let positions { x = x + positions(step.positions) }
      for layer in layers { x = layer.scope(in: step.builder) { layer(x, step) } }
      if let norm { x = norm(x) }
      return projectOut.map { $0(x) } ?? x
    }
  }
}
