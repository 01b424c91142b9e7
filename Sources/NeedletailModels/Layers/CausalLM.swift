import NeedletailGraph

/// A stack of blocks and its logits: the model of every architecture that brings a `DecoderBlock`.
///
///     let table = ModelTable.standard.adding("mine", CausalLM<MyBlock>.self)
public struct CausalLM<Block: DecoderBlock>: LanguageModel {
  /// The checkpoint's names, which the block knows.
  public static var checkpointNames: [String: String] {
    Block.stackNames.merging(["headBias": (Block.stackNames["lmHead"] ?? "lm_head") + ".bias"]) { first, _ in first }
  }

  /// Token ids to hidden states.
  public let model: Decoder<Block>
  /// Hidden states to logits; nil: the embedding's weight does.
  public let lmHead: Linear?
  /// Added to the products with the embedding's weight; nil: nothing.
  public let headBias: Parameter?
  /// What it was built from.
  public let config: Block.Config

  /// The model a config describes.
  public init(_ config: ConfigJSON) throws { self.init(try Block.Config(config)) }

  /// The model of a config already read.
  public init(_ config: Block.Config) {
    self.config = config
    model = Decoder(config)
    lmHead =
      config.tiesEmbeddings
      ? nil
      : Linear(
        config.embeddingSize, config.vocabularySize, bias: config.headBias, split: .columns,
        hasUnitRows: config.headHasUnitRows)
    headBias = config.tiesEmbeddings && config.headBias ? Parameter([config.vocabularySize]) : nil
  }

  /// Tokens in the vocabulary.
  public var vocabularySize: Int { config.vocabularySize }
  /// The longest sequence the model is made for, in tokens.
  public var maximumSequenceLength: Int { config.maximumSequenceLength }

  /// The head's name, where it is the embedding.
  public var ties: [String: String] {
    guard config.tiesEmbeddings else { return [:] }
    func name(_ property: String, _ usual: String) -> String { Block.stackNames[property] ?? usual }
    let path = [name("model", "model"), name("embedTokens", "embed_tokens"), "weight"].filter { !$0.isEmpty }
    return [name("lmHead", "lm_head") + ".weight": path.joined(separator: ".")]
  }

  /// What old checkpoints keep, and what the architecture's do.
  public static var ignoredSuffixes: [String] { usualIgnoredSuffixes + Block.ignoredSuffixes }
  /// The stack's name, which checkpoints of the stack alone leave out.
  public static var optionalPrefix: String? {
    (Block.stackNames["model"] ?? "model").split(separator: ".").first.map { $0 + "." }
  }

  /// Ties, what has one of the endings or beginnings, and layers behind the last one that the config knows of.
  public func ignores(_ name: String) -> Bool {
    isTieOrIgnored(name) || config.ignoredPrefixes.contains { name.hasPrefix($0) }
      || (config.layerCount..<config.layerCount + config.ignoredLayerCount).contains { layer in
        let path = [
          Block.stackNames["model"] ?? "model", Block.stackNames["layers"] ?? "layers", "\(layer).",
        ]
        return name.hasPrefix(path.filter { !$0.isEmpty }.joined(separator: "."))
      }
  }

  /// The logits of every token: [tokens, vocabulary].
  public func callAsFunction(_ step: Step) -> Tensor {
    let hidden = model(step)
    let logits = lmHead.map { $0(hidden) } ?? model.embedTokens.products(hidden, bias: headBias)
    return (logits * config.logitScale).softcapped(config.logitSoftcap)
  }
}
