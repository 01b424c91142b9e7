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
  /// Factor of the embedded tokens; 1 unless said.
  var embeddingScale: Float { get }
  /// Factor of the logits; 1 unless said.
  var logitScale: Float { get }
  /// c in c tanh(logit / c); nil unless said.
  var logitSoftcap: Float? { get }
  /// The norm after the last block; an RMSNorm unless said.
  var finalNorm: any UnaryLayer { get }
}

extension DecoderConfig {
  /// 1
  public var embeddingScale: Float { 1 }
  /// 1
  public var logitScale: Float { 1 }
  /// None.
  public var logitSoftcap: Float? { nil }
  /// An RMSNorm without an offset.
  public var finalNorm: any UnaryLayer { RMSNorm(hiddenSize, eps: normEps) }
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
  /// Names of the properties of `CausalLM` and `Decoder` ("model", "lmHead", "embedTokens", "layers", "norm") where the
  /// checkpoint's are not "model", "lm_head", "embed_tokens", "layers", "norm".
  static var stackNames: [String: String] { get }
}

extension DecoderBlock {
  /// The usual names.
  public static var stackNames: [String: String] { [:] }
}

/// Embedding, blocks, norm: token ids to hidden states.
public struct Decoder<Block: DecoderBlock>: Layer {
  /// The checkpoint's names, which the block knows.
  public static var checkpointNames: [String: String] { Block.stackNames }

  /// [vocabulary, hidden]
  public let embedTokens: Embedding
  /// In order.
  public let layers: [Block]
  /// After the last block.
  public let norm: any UnaryLayer
  /// Factor of the embedded tokens.
  public let embeddingScale: Float

  /// The stack a config describes.
  public init(_ config: Block.Config) {
    embedTokens = Embedding(config.vocabularySize, config.hiddenSize)
    layers = (0..<config.layerCount).map { Block(config, layer: $0) }
    norm = config.finalNorm
    embeddingScale = config.embeddingScale
  }

  /// The hidden states of every token: [tokens, hidden].
  public func callAsFunction(_ step: Step) -> Tensor {
    scope(in: step.builder) {
      var x = embedTokens(step.tokenIDs, scale: embeddingScale)
      for layer in layers { x = layer.scope(in: step.builder) { layer(x, step) } }
      return norm(x)
    }
  }
}
