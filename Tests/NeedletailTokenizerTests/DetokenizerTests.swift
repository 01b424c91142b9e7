import NeedletailJSON
import NeedletailTokenizer
import Testing

struct DetokenizerTests {
  @Test func givesWholeCharactersOnly() throws {
    let tokenizer = try TrainedTokenizerTests.load("bytes_qwen")
    let ids = tokenizer.encode("é🐦!")
    var detokenizer = tokenizer.detokenizer()
    var pieces: [String] = []
    for id in ids { pieces.append(detokenizer.append(id)) }
    #expect(pieces.joined() == "é🐦!")
    #expect(detokenizer.finish() == "")
    #expect(pieces.contains(""))
    #expect(!pieces.contains { $0.unicodeScalars.contains("\u{FFFD}") })
  }

  @Test func incompleteBytesBecomeReplacementCharactersAtTheEnd() throws {
    let tokenizer = try TrainedTokenizerTests.load("bytes_qwen")
    let bird = try "🐦".utf8.map { byte in
      try #require((0..<Int32(tokenizer.vocabularySize)).first { tokenizer.bytes(of: $0) == [byte] })
    }
    var detokenizer = tokenizer.detokenizer()
    #expect(bird.dropLast().map { detokenizer.append($0) } == ["", "", ""])
    #expect(detokenizer.finish() == "\u{FFFD}")
    // After that it begins anew.
    #expect(bird.map { detokenizer.append($0) }.joined() == "🐦")
    // A byte that cannot go on with what came before settles it at once.
    #expect(detokenizer.append(bird[0]) == "")
    #expect(detokenizer.append(bird[0]) == "\u{FFFD}")
  }

  @Test func leavesSpecialTokensOut() throws {
    let tokenizer = try TrainedTokenizerTests.load("gemma_fallback")
    let ids = tokenizer.encode("the river<eos>")
    #expect(tokenizer.streamed(ids, skipSpecialTokens: true) == "the river")
    #expect(tokenizer.streamed(ids, skipSpecialTokens: false) == "<bos>the river<eos>")
  }

  @Test func randomIdsStreamAsTheyDecode() throws {
    var state: UInt64 = 11
    for name in [
      "bytes_qwen", "gemma_fallback", "unigram_fallback", "piece_bpe", "piece_unigram_bytes", "suffixed_words",
    ] {
      let tokenizer = try TrainedTokenizerTests.load(name)
      for length in 1..<60 {
        let ids = (0..<length).map { _ in
          state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          return Int32(state >> 33) % Int32(tokenizer.vocabularySize)
        }
        #expect(
          TokenizerFixtures.same(
            tokenizer.streamed(ids, skipSpecialTokens: true), tokenizer.decode(ids, skipSpecialTokens: true)))
      }
    }
  }
}
