import Needletail
import NeedletailTokenizer
import Testing

/// Where an answer ends.
@Suite struct StopTests {
  /// What the model writes without a stop.
  private static func free(_ llm: LLM) async throws -> Generation {
    try await llm.generate(Demo.story, options: Demo.options(24))
  }

  private static func stopped(_ llm: LLM, _ stops: [String], includes: Bool = false) async throws -> Generation {
    var options = Demo.options(24)
    options.stopStrings = stops
    options.includesStop = includes
    var pieces = ""
    for try await piece in try llm.stream(Demo.story, options: options) { pieces += piece }
    let generation = try await llm.generate(Demo.story, options: options)
    #expect(generation.text == pieces)
    return generation
  }

  @Test func splitOverTokens() async throws {
    let llm = try await Demo.llm
    let text = try await Self.free(llm).text
    // " She was a young man who had been ...": the stop begins and ends inside of words.
    let range = try #require(text.range(of: "oung man wh"))
    let generation = try await Self.stopped(llm, ["oung man wh"])
    #expect(generation.text == String(text[..<range.lowerBound]))
    #expect(generation.finishReason == .stopString("oung man wh"))
    let kept = try await Self.stopped(llm, ["oung man wh"], includes: true)
    #expect(kept.text == String(text[..<range.upperBound]))
  }

  @Test func atTheVeryStart() async throws {
    let llm = try await Demo.llm
    let text = try await Self.free(llm).text
    let start = String(text.prefix(2))
    let generation = try await Self.stopped(llm, [start])
    #expect(generation.text.isEmpty && generation.finishReason == .stopString(start))
    #expect(generation.tokens.count == 1)
  }

  @Test func theFirstOfSeveral() async throws {
    let llm = try await Demo.llm
    let text = try await Self.free(llm).text
    // The one that ends first, though another began before it.
    let generation = try await Self.stopped(llm, ["was a young man who", "young", "nowhere"])
    let range = try #require(text.range(of: "young"))
    #expect(generation.text == String(text[..<range.lowerBound]))
    #expect(generation.finishReason == .stopString("young"))
    // Of those that end together the longest.
    let longest = try await Self.stopped(llm, ["young", "a young"])
    #expect(longest.finishReason == .stopString("a young"))
  }

  @Test func almostAStopIsShown() async throws {
    let llm = try await Demo.llm
    let free = try await Self.free(llm)
    let generation = try await Self.stopped(llm, ["young mango", "who had beem", free.text + "!"])
    #expect(generation.text == free.text)
    #expect(generation.tokenIDs == free.tokenIDs && generation.finishReason == .length)
  }

  @Test func beforeTheMinimumNothingStops() async throws {
    let llm = try await Demo.llm
    let free = try await Self.free(llm)
    var options = Demo.options(24)
    options.stopStrings = ["young"]
    options.minimumTokens = 12
    let generation = try await llm.generate(Demo.story, options: options)
    #expect(generation.tokens.count >= 12)
    #expect(free.text.hasPrefix(generation.text))
    #expect(generation.text.contains("young"))
  }

  @Test func tokens() async throws {
    let llm = try await Demo.llm
    let free = try await Self.free(llm)
    let stop = free.tokenIDs[5]
    let first = try #require(free.tokenIDs.firstIndex(of: stop))
    var options = Demo.options(24)
    options.stopTokenIDs = [stop]
    let generation = try await llm.generate(Demo.story, options: options)
    #expect(generation.finishReason == .stopToken(stop))
    #expect(generation.tokenIDs == Array(free.tokenIDs[...first]))
    let before = try #require(llm.tokenizer).decode(Array(free.tokenIDs[..<first]))
    #expect(generation.text == before)
    options.includesStop = true
    let kept = try await llm.generate(Demo.story, options: options)
    #expect(kept.text == before + (try #require(llm.tokenizer).decode([stop])))
  }

  // The model writes no such characters by itself: each token is forced by its bias, as a text of several bytes a
  // character, which tokens split anywhere.
  @Test func charactersOfSeveralBytes() throws {
    let tokenizer = try Tokenizer.load(directory: Place.demo)
    let text = "äöü 日本語 🎉 e\u{301}nd"
    let ids = tokenizer.encode(text, addSpecialTokens: false)
    #expect(ids.count > text.count)
    for (stop, expected) in [
      ("日本", "äöü "), ("語 🎉", "äöü 日本"), ("🎉", "äöü 日本語 "), ("ä", ""),
      // Bytes decide, not what a reader would call the same character.
      ("é", text), ("e\u{301}", "äöü 日本語 🎉 "), ("\u{301}nd", "äöü 日本語 🎉 e"),
    ] {
      var options = SamplingOptions()
      options.stopStrings = [stop]
      var observer = TextObserver(tokenizer.detokenizer(), options: options)
      var shown = ""
      var end: FinishReason?
      for id in ids where end == nil {
        switch try observer.observe(id, mayStop: true) {
        case .proceed(let piece): shown += piece
        case .stop(let piece, let reason):
          shown += piece
          end = reason
        }
      }
      if end == nil { shown += try observer.finish() }
      #expect(Array(shown.utf8) == Array(expected.utf8), "\(stop)")
      #expect((end == .stopString(stop)) == (expected != text), "\(stop)")
    }
  }
}
