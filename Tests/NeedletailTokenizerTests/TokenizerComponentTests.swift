import NeedletailJSON
import NeedletailTokenizer
import Testing

/// Every component against what Hugging Face's library makes of the same texts (Fixtures/make_components.py).
struct TokenizerComponentTests {
  let fixture: JSON
  let texts: [String]
  /// Every character as a token, and once more with "</w>" as the last one of a piece, which shows the cuts.
  let vocabulary: JSON

  init() throws {
    fixture = try TokenizerFixtures.json(TokenizerFixtures.folder + "components.json")
    texts = try #require(fixture["texts"]?.array).compactMap(\.string)
    var entries = JSONObject([("<unk>", 0), ("<s>", 1), ("</s>", 2)])
    for scalar in try #require(fixture["alphabet"]?.string).unicodeScalars {
      entries[String(scalar)] = .int(entries.count)
      entries[String(scalar) + "</w>"] = .int(entries.count)
    }
    vocabulary = .object(entries)
  }

  func tokenizer(_ parts: [(String, JSON)]) throws -> Tokenizer {
    try TokenizerFixtures.tokenizer(
      vocab: vocabulary, parts, model: [("unk_token", "<unk>"), ("end_of_word_suffix", "</w>")])
  }

  func pieces(_ tokenizer: Tokenizer, _ text: String) -> [String] {
    var pieces = [""]
    for id in tokenizer.encode(text) {
      let token = tokenizer.token(id) ?? "(no token \(id))"
      if token.utf8.suffix(4).elementsEqual("</w>".utf8) {
        pieces[pieces.count - 1].unicodeScalars += token.unicodeScalars.dropLast(4)
        pieces.append("")
      } else {
        pieces[pieces.count - 1] += token
      }
    }
    if pieces.last == "" { pieces.removeLast() }
    return pieces
  }

  /// Pieces are given by their sizes where they are the text itself, cut.
  static func expanded(_ pieces: [JSON], _ text: String) -> [String] {
    var rest = Array(text.utf8)[...]
    return pieces.map { piece in
      guard let size = piece.int else { return piece.string ?? "(no piece)" }
      defer { rest = rest.dropFirst(size) }
      return String(decoding: rest.prefix(size), as: UTF8.self)
    }
  }

  func check(_ kind: String, _ part: String) throws {
    let cases = try #require(fixture[kind]?.array)
    #expect(cases.count > 5)
    for one in cases {
      let json = try #require(one["json"])
      let tokenizer = try tokenizer([(part, json)])
      for (text, expected) in zip(texts, try #require(one["pieces"]?.array)) {
        let expected = Self.expanded(try #require(expected.array), text)
        let found = pieces(tokenizer, text)
        #expect(
          found.count == expected.count && zip(found, expected).allSatisfy(TokenizerFixtures.same),
          "\(json) on \(text.debugDescription): \(found) is not \(expected)")
      }
    }
  }

  @Test func preTokenizersCutAsPublished() throws { try check("pre_tokenizers", "pre_tokenizer") }

  @Test func normalizersWriteAsPublished() throws { try check("normalizers", "normalizer") }

  @Test func postProcessorsAddAsPublished() throws {
    for one in try #require(fixture["post_processors"]?.array) {
      let tokenizer = try tokenizer([("post_processor", try #require(one["json"]))])
      let short = texts.filter { $0.unicodeScalars.count < 4 }
      for (text, expected) in zip(short, try #require(one["ids"]?.array)) {
        #expect(tokenizer.encode(text).map { JSON.int(Int($0)) } == expected.array, "\(one["json"] ?? .null)")
      }
    }
  }

  @Test func addedTokensAreFoundAsPublished() throws {
    for one in try #require(fixture["added"]?.array) {
      let tokenizer = try tokenizer(
        ["normalizer", "pre_tokenizer", "added_tokens"].map { ($0, one[$0] ?? .null) })
      for (parses, key) in [(true, "ids"), (false, "unparsed")] {
        for (text, expected) in zip(texts, try #require(one[key]?.array)) {
          let found = tokenizer.encode(text, parseSpecialTokens: parses).map { JSON.int(Int($0)) }
          #expect(found == expected.array, "\(one["normalizer"] ?? .null), \(key), on \(text.debugDescription)")
        }
      }
    }
  }

  @Test func decodersWriteAsPublishedAndStream() throws {
    let tokens = try #require(fixture["decoded_tokens"]?.array).compactMap(\.string)
    let sequences = try #require(fixture["decoded_ids"]?.array).map { $0.array?.compactMap(\.int) ?? [] }
    let special = try #require(tokens.firstIndex(of: "<special>"))
    for one in try #require(fixture["decoders"]?.array) {
      let json = try #require(one["json"])
      let tokenizer = try TokenizerFixtures.tokenizer(
        vocab: .object(JSONObject(tokens.enumerated().map { ($1, .int($0)) })),
        [
          ("decoder", json), ("added_tokens", [["id": .int(special), "content": "<special>", "special": true]]),
        ])
      for (skips, key) in [(false, "whole"), (true, "skipped")] {
        for (ids, expected) in zip(sequences, try #require(one[key]?.array)) {
          // Null where the library itself fails.
          guard let expected = expected.string else { continue }
          let ids = ids.map { Int32($0) }
          let decoded = tokenizer.decode(ids, skipSpecialTokens: skips)
          let names = ids.map { tokens[Int($0)] }
          #expect(
            TokenizerFixtures.same(decoded, expected),
            "\(json) on \(names): \(decoded.debugDescription) is not \(expected.debugDescription)")
          #expect(
            TokenizerFixtures.same(tokenizer.streamed(ids, skipSpecialTokens: skips), expected),
            "\(json) in parts on \(names)")
        }
      }
    }
  }
}
