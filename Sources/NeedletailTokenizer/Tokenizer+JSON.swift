import NeedletailJSON

extension Tokenizer {
  /// Makes a tokenizer out of the contents of `tokenizer.json` and `tokenizer_config.json`.
  ///
  /// Special tokens around a text are those of its post-processor; where it has none, the configuration's
  /// `add_bos_token` and `add_eos_token` decide. A component that is not known throws a `TokenizerError` naming it.
  public init(json: JSON, config: JSON?) throws {
    guard let modelJSON = json["model"], modelJSON.object != nil else {
      throw TokenizerError("the tokenizer has no model")
    }
    let normalizer = try Self.part(json, "normalizer").map { try Normalizer(json: $0) }
    let preTokenizers = try Self.part(json, "pre_tokenizer").map { try PreTokenizer(json: $0).flattened } ?? []
    let added = try AddedTokens(json: json["added_tokens"]) { normalizer?.normalize($0) ?? $0 }
    let (model, vocabulary) = try Self.model(modelJSON, takesRawBytes: preTokenizers.contains(where: \.isByteLevel))
    let names = SpecialTokenNames(config: config)
    let find = { (name: String) -> Int32? in
      added.tokens.last { $0.content.utf8.elementsEqual(name.utf8) }?.id ?? vocabulary.id(of: name)
    }
    let (beginning, end) = (names.beginning.flatMap(find), names.end.flatMap(find))
    let postProcessor =
      try Self.part(json, "post_processor").map { try PostProcessor(json: $0) }
      ?? PostProcessor(
        prefix: config?["add_bos_token"]?.bool == true ? beginning.map { [$0] } ?? [] : [],
        suffix: config?["add_eos_token"]?.bool == true ? end.map { [$0] } ?? [] : [])
    if let unknown = postProcessor.ids.first(where: { added.token(of: $0) == nil && vocabulary.text(of: $0) == nil }) {
      throw TokenizerError("the tokenizer's post-processor adds the id \(unknown), which is no token's")
    }
    self.init(
      pipeline: TokenizerPipeline(
        vocabulary: vocabulary, added: added, normalizer: normalizer, preTokenizers: preTokenizers, model: model,
        postProcessor: postProcessor, decoderStages: try DecoderStage.stages(json: json["decoder"]),
        special: Set(added.tokens.filter(\.isSpecial).map(\.id)), beginning: beginning, end: end))
  }

  /// A component that may be absent or null.
  private static func part(_ json: JSON, _ key: String) -> JSON? {
    json[key].flatMap { $0.isNull ? nil : $0 }
  }

  private static func model(_ json: JSON, takesRawBytes: Bool) throws -> (any TokenModel, Vocabulary) {
    // Old files do not name the type.
    let type = json["type"]?.string ?? (json["merges"] != nil ? "BPE" : json["vocab"]?.array != nil ? "Unigram" : "")
    switch type {
    case "BPE":
      let model = try BytePairModel(json: json, takesRawBytes: takesRawBytes)
      return (model, model.vocabulary)
    case "Unigram":
      guard !takesRawBytes else { throw TokenizerError("the tokenizer has a Unigram model behind a ByteLevel one") }
      let model = try UnigramModel(json: json)
      return (model, model.vocabulary)
    default: throw TokenizerError("the tokenizer has an unknown model '\(type)'")
    }
  }
}

/// The names of the tokens that tokenizer_config.json gives a meaning, each a string or `{"content": ...}`.
struct SpecialTokenNames {
  var beginning: String?
  var end: String?

  init(config: JSON?) {
    func name(_ key: String) -> String? { config?[key]?.string ?? config?[key]?["content"]?.string }
    beginning = name("bos_token")
    end = name("eos_token")
  }
}
