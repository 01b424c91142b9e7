import NeedletailJSON
import NeedletailTokenizer
import Testing

/// Small trained tokenizers of every kind against their own libraries (Fixtures/make_tokenizers.py).
struct TrainedTokenizerTests {
  static let folder = TokenizerFixtures.folder + "Tokenizers/"

  static func load(_ name: String) throws -> Tokenizer {
    if name.hasPrefix("piece_") {
      return try Tokenizer(sentencePieceModel: try TokenizerFixtures.bytes("\(folder)\(name).model"), config: nil)
    }
    return try Tokenizer(json: try TokenizerFixtures.json("\(folder)\(name).json"), config: nil)
  }

  @Test(arguments: [
    "bytes_qwen", "bytes_ignoring_merges", "suffixed_words", "prefixed_parts", "gemma_fallback", "fused_unknown",
    "unigram",
    "unigram_fallback", "piece_bpe", "piece_bpe_unknown", "piece_bpe_suffix", "piece_unigram", "piece_unigram_bytes",
  ])
  func agreesWithItsLibrary(_ name: String) throws {
    let fixture = try TokenizerFixtures.json(Self.folder + "tokenizer_cases.json")
    let texts = try #require(fixture["texts"]?.array).compactMap(\.string)
    let cases = try #require(fixture["cases"]?[name])
    let tokenizer = try Self.load(name)
    let encoded = try #require(cases["encoded"]?.array).compactMap(\.array)
    #expect(encoded.count == texts.count)
    for (text, entry) in zip(texts, encoded) {
      let ids = Self.ids(entry[0])
      let found = tokenizer.encode(text, addSpecialTokens: false)
      #expect(found == ids, "\(text.debugDescription)")
      let decoded = entry.count > 1 ? entry[1].string ?? "" : text
      #expect(TokenizerFixtures.same(tokenizer.decode(ids), decoded), "\(text.debugDescription)")
      #expect(TokenizerFixtures.same(tokenizer.streamed(ids, skipSpecialTokens: false), decoded))
      // The second time the words come out of the cache.
      #expect(tokenizer.encode(text, addSpecialTokens: false) == ids)
    }
    for (text, ids) in zip(["", "a"], try #require(cases["special"]?.array)) {
      #expect(tokenizer.encode(text) == Self.ids(ids), "special tokens around '\(text)'")
    }
    for entry in try #require(cases["drawn"]?.array).compactMap(\.array) {
      let ids = Self.ids(entry[0])
      let decoded = tokenizer.decode(ids, skipSpecialTokens: true)
      #expect(
        TokenizerFixtures.same(decoded, entry[1].string ?? ""), "\(ids): \(decoded.debugDescription), \(entry[1])")
      #expect(TokenizerFixtures.same(tokenizer.streamed(ids, skipSpecialTokens: true), decoded))
    }
  }

  static func ids(_ json: JSON) -> [Int32] { json.array?.compactMap(\.int).map { Int32($0) } ?? [] }

  @Test func configurationDecidesAroundSentencePieceTexts() throws {
    let bytes = try TokenizerFixtures.bytes(Self.folder + "piece_bpe.model")
    let both = try Tokenizer(sentencePieceModel: bytes, config: ["add_bos_token": true, "add_eos_token": true])
    #expect(both.encode("") == [1, 2])
    #expect(both.beginningOfSequence == 1)
    #expect(both.endOfSequence == 2)
    let t5 = try Tokenizer(sentencePieceModel: bytes, config: ["tokenizer_class": "T5Tokenizer"])
    #expect(t5.encode("") == [2])
    let none = try Tokenizer(sentencePieceModel: bytes, config: ["add_bos_token": false, "eos_token": "<unk>"])
    #expect(none.encode("") == [])
    #expect(none.endOfSequence == 0)
  }

  @Test func specialTokensInSentencePieceTextsComeFromTheConfiguration() throws {
    let bytes = try TokenizerFixtures.bytes(Self.folder + "piece_bpe.model")
    let plain = try Tokenizer(sentencePieceModel: bytes, config: nil)
    #expect(!plain.encode("a</s>", addSpecialTokens: false).contains(2))
    let config: JSON = ["added_tokens_decoder": ["2": ["content": "</s>", "special": true]], "legacy": false]
    let configured = try Tokenizer(sentencePieceModel: bytes, config: config)
    let ids = configured.encode("a</s>b", addSpecialTokens: false)
    let a = plain.encode("a", addSpecialTokens: false)
    #expect(Array(ids.prefix(a.count + 1)) == a + [2])
    #expect(!plain.encode("b", addSpecialTokens: false).elementsEqual(ids.dropFirst(a.count + 1)), "no space is put in")
    #expect(configured.decode(ids, skipSpecialTokens: true) == "ab")
    #expect(configured.decode(ids) == "a</s>b")
    #expect(!configured.encode("a</s>b", parseSpecialTokens: false).contains(2))
  }

  @Test func tellsTokensAndTheirBytes() throws {
    let bytes = try Self.load("bytes_qwen")
    let the = try #require(bytes.id(of: "Ġthe"))
    #expect(bytes.token(the) == "Ġthe")
    #expect(bytes.bytes(of: the) == Array(" the".utf8))
    let end = try #require(bytes.id(of: "<|end|>"))
    #expect(bytes.isSpecial(end) && !bytes.isSpecial(the))
    #expect(bytes.bytes(of: end) == Array("<|end|>".utf8))
    #expect(bytes.id(of: "no such token") == nil)
    for id in [-1, Int32(bytes.vocabularySize), .max, .min] {
      #expect(bytes.token(id) == nil && bytes.bytes(of: id) == [] && !bytes.isSpecial(id))
      #expect(bytes.decode([the, id, the]) == " the the")
    }
    let pieces = try Self.load("piece_bpe")
    #expect(pieces.bytes(of: try #require(pieces.id(of: "<0xE2>"))) == [0xE2])
    #expect(pieces.bytes(of: try #require(pieces.id(of: "▁the"))) == Array(" the".utf8))
    let fallback = try Self.load("gemma_fallback")
    #expect(fallback.bytes(of: try #require(fallback.id(of: "<0x0A>"))) == [10])
  }
}
