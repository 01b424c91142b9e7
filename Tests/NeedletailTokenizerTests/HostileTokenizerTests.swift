import NeedletailJSON
import NeedletailTokenizer
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Damaged and hostile files throw one sentence, hostile texts are encoded in bounded time; nothing traps.
struct HostileTokenizerTests {
  static let vocab: JSON = ["a": 0, "b": 1, "ab": 2]

  static func message(_ json: JSON) -> String {
    do {
      _ = try Tokenizer(json: json, config: nil)
      return "(accepted)"
    } catch {
      return "\(error)"
    }
  }

  @Test(arguments: [
    ("normalizer", "normalizer"), ("pre_tokenizer", "pre-tokenizer"), ("post_processor", "post-processor"),
    ("decoder", "decoder"),
  ])
  func unknownComponentsAreNamed(_ key: String, _ word: String) {
    let model: JSON = ["type": "BPE", "vocab": Self.vocab, "merges": []]
    #expect(
      Self.message(["model": model, JSONKey(key): ["type": "Oracle"]].json)
        == "the tokenizer has an unknown \(word) 'Oracle'")
    #expect(Self.message(["model": model, JSONKey(key): 3].json) == "the tokenizer has an unknown \(word) ''")
  }

  @Test func unknownModelsAreNamed() {
    #expect(
      Self.message(["model": ["type": "WordPiece", "vocab": [:]]]) == "the tokenizer has an unknown model 'WordPiece'")
    #expect(Self.message(["model": 1]) == "the tokenizer has no model")
    #expect(Self.message([]) == "the tokenizer has no model")
  }

  @Test(
    arguments: [
      ["type": "BPE"], ["type": "BPE", "vocab": ["a": "x"]], ["type": "BPE", "vocab": ["a": -1]],
      ["type": "BPE", "vocab": ["a": 1_000_000_000_000]], ["type": "BPE", "vocab": vocab, "merges": ["a c"]],
      ["type": "BPE", "vocab": vocab, "merges": ["ab"]], ["type": "BPE", "vocab": vocab, "merges": ["a b b"]],
      ["type": "BPE", "vocab": vocab, "merges": [["a", "b", "a"]]], ["type": "BPE", "vocab": vocab, "merges": [7]],
      ["type": "BPE", "vocab": vocab, "merges": [["b", "a"]]],
      ["type": "BPE", "vocab": vocab, "merges": [], "unk_token": "?"],
      ["type": "Unigram", "vocab": [["a"]]], ["type": "Unigram", "vocab": [["a", 0.5]], "unk_id": 1],
      ["type": "Unigram", "vocab": [["a", "b"]]], ["type": "Unigram"],
    ] as [JSON])
  func damagedModelsThrow(_ model: JSON) {
    #expect(Self.message(["model": model]).contains("token"), "\(model): \(Self.message(["model": model]))")
  }

  @Test(arguments: [
    "(", ")", "[a", "a{3,1}", "*a", "a{2000}", #"\k<x>"#, #"\1"#, "(?<n>a)", "(?<=ab)c", "(?P<n>a)", #"\p{Klingon}"#,
    #"\p"#, "[z-a]",
    #"\x{110000}"#, #"\xZ"#, "(a*)*", "(?q)a", #"\"#, "[[:nope:]]",
    "(?:" + "((((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9}){9})",
    String(repeating: "(", count: 100_000), String(repeating: "[", count: 1000), "^*", "(?i", "(?#comment)a", #"\Ga"#,
    #"\Xa"#, "a" + String(repeating: "?", count: 50_000), String(repeating: "(?i)", count: 1000),
  ])
  func unknownPatternsThrow(_ pattern: String) {
    let split: JSON = ["type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated"]
    let message = Self.message(["model": ["vocab": Self.vocab, "merges": []], "pre_tokenizer": split])
    #expect(
      message.hasPrefix("the regular expression of a tokenizer cannot be used: "), "\(pattern.prefix(40)): \(message)")
  }

  @Test(
    arguments: [
      ["type": "Split", "behavior": "Isolated"], ["type": "Split", "pattern": ["String": "a"], "behavior": "Shuffled"],
      ["type": "Split", "pattern": ["String": ""], "behavior": "Isolated"],
      ["type": "Metaspace", "prepend_scheme": "sometimes"],
      ["type": "Metaspace", "replacement": ""], ["type": "CharDelimiterSplit", "delimiter": ""],
    ] as [JSON])
  func damagedPreTokenizersThrow(_ json: JSON) {
    let message = Self.message(["model": ["vocab": Self.vocab, "merges": []], "pre_tokenizer": json])
    #expect(message.hasPrefix("the tokenizer"), "\(json): \(message)")
  }

  @Test(arguments: ["", "AAAA", "!!!!", "/////w==", "BAAAAP////8=", "CAAAAAAEAAABAACA"])
  func damagedCharacterMapsThrowOrAreHarmless(_ base64: String) throws {
    let json: JSON = [
      "model": ["type": "BPE", "vocab": Self.vocab, "merges": []],
      "normalizer": ["type": "Precompiled", "precompiled_charsmap": .string(base64)],
    ]
    guard let tokenizer = try? Tokenizer(json: json, config: nil) else {
      #expect(Self.message(json).hasPrefix("the tokenizer's precompiled_charsmap"))
      return
    }
    #expect(tokenizer.encode("ab\u{301}é🐦\0").count <= 20)
  }

  @Test func randomCharacterMapsDoNotTrap() throws {
    var state: UInt64 = 3
    for size in 0..<300 {
      var bytes: [UInt8] = [UInt8(size % 64 * 4), 0, 0, 0]
      for _ in 0..<size {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        bytes.append(UInt8(truncatingIfNeeded: state >> (size % 2 == 0 ? 40 : 58)))
      }
      let json: JSON = [
        "model": ["type": "BPE", "vocab": Self.vocab, "merges": []],
        "normalizer": ["type": "Precompiled", "precompiled_charsmap": .string(Self.base64(bytes))],
      ]
      guard let tokenizer = try? Tokenizer(json: json, config: nil) else { continue }
      _ = tokenizer.encode("The swift flies. éß🐦\u{1}\u{7F}")
    }
  }

  static func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let part = bytes[start..<min(start + 3, bytes.count)]
      var bits = part.reduce(0) { $0 << 8 | Int($1) }
      bits <<= 8 * (3 - part.count)
      for index in 0..<part.count + 1 { text.append(alphabet[bits >> (18 - 6 * index) & 63]) }
    }
    return text
  }

  @Test(arguments: ["piece_bpe", "piece_bpe_unknown", "piece_unigram"])
  func damagedSentencePieceModelsThrowOrAreHarmless(_ name: String) throws {
    let bytes = try TokenizerFixtures.bytes(TrainedTokenizerTests.folder + name + ".model")
    for length in stride(from: 0, to: bytes.count, by: 7) {
      _ = try? Tokenizer(sentencePieceModel: Array(bytes[..<length]), config: nil).encode("the rivers ab")
    }
    var refused = 0
    for position in stride(from: 0, to: bytes.count, by: 5) {
      var damaged = bytes
      damaged[position] ^= 0xFF
      do {
        _ = try Tokenizer(sentencePieceModel: damaged, config: nil).encode("the rivers ab")
      } catch {
        refused += 1
        #expect("\(error)".contains("SentencePiece") || "\(error)".contains("token"), "\(error)")
      }
    }
    #expect(refused > 100)
  }

  @Test(
    arguments: [
      [], [0x0A], [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], [0x0A, 0x80], [0x07], [0x00, 0x00], [0x0D, 1, 2],
      [UInt8](repeating: 0x80, count: 20), [0x0A, 2, 0x0A, 0], [0x0A, 3, 0x0A, 1, 0xFF], [0x0A, 3, 0x0A, 1, 0x61],
      [0x0A, 8, 0x0A, 1, 0x61, 0x15, 0, 0, 0xC0, 0x7F], [0x12, 2, 0x18, 9],
    ] as [[UInt8]])
  func damagedProtobufsThrow(_ bytes: [UInt8]) {
    #expect(throws: TokenizerError.self) { try Tokenizer(sentencePieceModel: bytes, config: nil) }
  }

  @Test(
    arguments: [
      ["type": "RobertaProcessing", "sep": ["</s>", 9], "cls": ["<s>", 0]],
      ["type": "BertProcessing", "sep": ["</s>", 1]],
      ["type": "TemplateProcessing", "single": [["SpecialToken": ["id": "x"]], ["Sequence": ["id": "A"]]]],
      ["type": "TemplateProcessing", "single": []], ["type": "TemplateProcessing", "single": [["Other": 1]]],
      [
        "type": "TemplateProcessing", "single": [["Sequence": ["id": "A"]], ["SpecialToken": ["id": "x"]]],
        "special_tokens": ["x": ["ids": [3]]],
      ],
    ] as [JSON])
  func damagedPostProcessorsThrow(_ json: JSON) {
    let message = Self.message(["model": ["vocab": Self.vocab, "merges": []], "post_processor": json])
    #expect(message.hasPrefix("the "), "\(json): \(message)")
  }

  @Test func damagedFilesInADirectoryAreNamed() throws {
    var template = Array("/tmp/needletail-tokenizer-XXXXXX".utf8CString)
    let directory = try #require(mkdtemp(&template).map { String(cString: $0) })
    func write(_ name: String, _ text: some Sequence<UInt8>) throws {
      let file = try #require(fopen("\(directory)/\(name)", "wb"))
      let bytes = Array(text)
      #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
      fclose(file)
    }
    defer {
      for name in ["tokenizer.json", "tokenizer.model", "tokenizer_config.json"] { unlink("\(directory)/\(name)") }
      rmdir(directory)
    }
    func message() -> String {
      do {
        return "\(try Tokenizer.load(directory: directory).encode("the"))"
      } catch {
        return "\(error)"
      }
    }
    try write("tokenizer.model", try TokenizerFixtures.bytes(TrainedTokenizerTests.folder + "piece_bpe.model"))
    try write("tokenizer_config.json", #"{"add_bos_token": false}"#.utf8)
    #expect(message() == "\(try TrainedTokenizerTests.load("piece_bpe").encode("the", addSpecialTokens: false))")
    let whole = try TokenizerFixtures.bytes(TrainedTokenizerTests.folder + "bytes_qwen.json")
    try write("tokenizer.json", whole)
    #expect(message() == "\(try TrainedTokenizerTests.load("bytes_qwen").encode("the"))")
    for length in stride(from: 0, to: whole.count, by: 499) {
      try write("tokenizer.json", whole[..<length])
      #expect(message().hasPrefix("tokenizer.json: invalid JSON at byte "), "\(length) bytes: \(message())")
    }
    try write("tokenizer_config.json", "{".utf8)
    #expect(message().hasPrefix("tokenizer_config.json: invalid JSON at byte "))
  }

  @Test func missingAndUnreadableFilesAreSentences() {
    for directory in ["/nonexistent/model", TokenizerFixtures.testFolder] {
      #expect { try Tokenizer.load(directory: directory) } throws: {
        "\($0)".contains("neither a tokenizer.json nor a tokenizer.model")
      }
    }
  }

  @Test func hostileTextsEndInTime() throws {
    let pattern = #"(?:a|a|b?a)+c|\s*[\r\n]+|\s+(?!\S)"#
    let tokenizer = try TokenizerFixtures.tokenizer(
      vocab: Self.vocab,
      [("pre_tokenizer", ["type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated"])],
      model: [("merges", ["a b"])])
    let clock = ContinuousClock()
    let time = clock.measure {
      // Exponential for a matcher without a budget; quadratic for one that gives runs back one by one.
      #expect(tokenizer.encode(String(repeating: "a", count: 10_000)).count == 10_000)
      #expect(tokenizer.encode(String(repeating: "ab", count: 100_000)).count == 100_000)
      #expect(tokenizer.encode(String(repeating: " ", count: 100_000) + "x").isEmpty)
    }
    #expect(time < .seconds(20), "\(time)")
  }

  @Test func invalidUTF8TextsAreRepaired() throws {
    let tokenizer = try TrainedTokenizerTests.load("bytes_qwen")
    let text = String(decoding: [0x61, 0xFF, 0xE2, 0x82, 0x62] as [UInt8], as: UTF8.self)
    #expect(TokenizerFixtures.same(tokenizer.decode(tokenizer.encode(text)), "a\u{FFFD}\u{FFFD}b"))
  }
}

/// A key that is not written out, in an object that is.
struct JSONKey: ExpressibleByStringLiteral, Hashable {
  let text: String
  init(_ text: String) { self.text = text }
  init(stringLiteral value: String) { text = value }
}

extension [JSONKey: JSON] {
  var json: JSON { .object(JSONObject(map { ($0.key.text, $0.value) })) }
}
