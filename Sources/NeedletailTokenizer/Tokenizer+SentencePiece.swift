import NeedletailJSON

extension Tokenizer {
  /// Makes a tokenizer out of the bytes of a SentencePiece `tokenizer.model` of type BPE or Unigram.
  ///
  /// The file does not say what stands around a text: that is the configuration's `add_bos_token` (true where absent,
  /// except for T5) and `add_eos_token` (false where absent, except for T5). Special tokens in a text are recognised
  /// where the configuration's `added_tokens_decoder` lists them; SentencePiece itself takes them for text.
  public init(sentencePieceModel bytes: [UInt8], config: JSON?) throws {
    let file = try SentencePieceFile(bytes)
    let parts = try SentencePieceParts(file)
    var added = AddedTokens()
    for (key, entry) in config?["added_tokens_decoder"]?.object?.members ?? [] {
      guard let id = Int32(key), id >= 0, id < Vocabulary.maximumID, let content = entry["content"]?.string else {
        throw TokenizerError("an entry of the tokenizer configuration's added_tokens_decoder is not a token: '\(key)'")
      }
      added.add(
        AddedTokens.Token(
          id: id, content: content, isSpecial: entry["special"]?.bool ?? false,
          isSingleWord: entry["single_word"]?.bool ?? false, stripsLeft: entry["lstrip"]?.bool ?? false,
          stripsRight: entry["rstrip"]?.bool ?? false), normalize: { $0 })
    }
    let names = SpecialTokenNames(config: config)
    let find = { (name: String) -> Int32? in
      added.tokens.last { $0.content.utf8.elementsEqual(name.utf8) }?.id ?? parts.vocabulary.id(of: name)
    }
    let beginning = names.beginning.flatMap(find) ?? parts.control(file.beginningPiece)
    let end = names.end.flatMap(find) ?? parts.control(file.endPiece)
    let isT5 = config?["tokenizer_class"]?.string?.hasPrefix("T5Tokenizer") ?? false
    let addsBeginning = config?["add_bos_token"]?.bool ?? !isT5
    let addsEnd = config?["add_eos_token"]?.bool ?? isT5
    var later = parts.normalizer
    if config?["legacy"]?.bool == false { later.addsDummyPrefix = false }
    self.init(
      pipeline: TokenizerPipeline(
        vocabulary: parts.vocabulary, added: added, normalizer: .sentencePiece(parts.normalizer),
        laterNormalizer: .sentencePiece(later), preTokenizers: [], model: parts.model,
        postProcessor: PostProcessor(
          prefix: addsBeginning ? beginning.map { [$0] } ?? [] : [], suffix: addsEnd ? end.map { [$0] } ?? [] : []),
        decoderStages: [
          .sentencePiece(
            dropsFirstSpace: file.addsDummyPrefix || file.removesExtraSpaces,
            dropsAllFirstSpaces: file.removesExtraSpaces)
        ], surfaces: [parts.unknown: Array(file.unknownSurface.utf8)],
        special: parts.controls.union(added.tokens.filter(\.isSpecial).map(\.id)), beginning: beginning, end: end))
  }
}

/// What a SentencePiece file becomes.
struct SentencePieceParts {
  let vocabulary: Vocabulary
  let normalizer: SentencePieceNormalizer
  let model: any TokenModel
  let unknown: Int32
  let controls: Set<Int32>

  init(_ file: SentencePieceFile) throws {
    var vocabulary = Vocabulary(capacity: file.pieces.count)
    var userDefined = ByteTrie()
    var controls: Set<Int32> = []
    var unknown: Int32?
    for (id, piece) in file.pieces.enumerated() {
      guard vocabulary.id(of: piece.text) == nil else {
        throw TokenizerError("the SentencePiece model has the piece '\(piece.text)' twice")
      }
      try vocabulary.insert(piece.text, id: id)
      switch piece.kind {
      case .userDefined: userDefined.insert(piece.text.utf8, value: Int32(id))
      case .control: controls.insert(Int32(id))
      case .unknown: unknown = Int32(id)
      case .normal, .unused, .byte: break
      }
    }
    guard let unknown else { throw TokenizerError("the SentencePiece model has no unknown piece") }
    self.vocabulary = vocabulary
    self.controls = controls
    self.unknown = unknown
    normalizer = SentencePieceNormalizer(
      characterMap: file.characterMap.isEmpty ? nil : try CharacterMap(bytes: file.characterMap),
      userDefined: userDefined, addsDummyPrefix: file.addsDummyPrefix, removesExtraSpaces: file.removesExtraSpaces,
      escapesSpaces: file.escapesSpaces, spaceIsSuffix: file.spaceIsSuffix)
    switch file.modelType {
    case .bytePair:
      model = try SentencePieceBytePairModel(
        file, userDefined: userDefined, unknown: unknown,
        fallbackOfByte: file.hasByteFallback ? try Self.fallbacks(vocabulary) : nil)
    case .unigram: model = try Self.unigram(file, vocabulary, unknown: unknown)
    case .word, .character:
      throw TokenizerError("the SentencePiece model is of the type \(file.modelType), not BPE or Unigram")
    }
  }

  /// The id of a control piece.
  func control(_ name: String) -> Int32? { vocabulary.id(of: name).flatMap { controls.contains($0) ? $0 : nil } }

  private static func fallbacks(_ vocabulary: Vocabulary) throws -> [Int32] {
    try (0..<256).map { byte in
      guard let id = vocabulary.id(of: ByteFallback.token(for: UInt8(byte))) else {
        throw TokenizerError("the SentencePiece model falls back to bytes but has no piece for byte \(byte)")
      }
      return id
    }
  }

  private static func unigram(
    _ file: SentencePieceFile, _ vocabulary: Vocabulary, unknown: Int32
  ) throws -> UnigramModel {
    let normal = file.pieces.filter { $0.kind == .normal }.map(\.score)
    let highest = normal.max() ?? 0
    var pieces: [(text: String, score: Double, id: Int)] = []
    for (id, piece) in file.pieces.enumerated() {
      switch piece.kind {
      case .normal: pieces.append((piece.text, Double(piece.score), id))
      // Better than any way to spell them out, whatever their own score.
      case .userDefined: pieces.append((piece.text, Double(Float(piece.text.utf8.count) * highest) - 0.1, id))
      case .unused, .unknown, .control, .byte: break
      }
    }
    if file.hasByteFallback { _ = try fallbacks(vocabulary) }
    return try UnigramModel(
      pieces: pieces, vocabulary: vocabulary, unknown: unknown, lowestScore: Double(normal.min() ?? 0),
      hasByteFallback: file.hasByteFallback)
  }
}
