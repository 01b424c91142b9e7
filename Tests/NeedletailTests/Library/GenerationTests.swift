import Needletail
import Testing

/// The library's ways to generate give the same text, each for itself and together.
@Suite struct GenerationTests {
  @Test func streamingEqualsGenerating() async throws {
    let llm = try await Demo.llm
    for temperature: Float in [0, 0.9] {
      var options = Demo.options(60, temperature: temperature)
      options.seed = 11
      let whole = try await llm.generate(Demo.story, options: options)
      var pieces: [String] = []
      for try await piece in try llm.stream(Demo.story, options: options) { pieces.append(piece) }
      #expect(pieces.joined() == whole.text)
      #expect(pieces.count > 10 && pieces.allSatisfy { !$0.isEmpty })
      #expect(whole.tokenIDs.count == 60 && whole.finishReason == .length)
      #expect(whole.text == llm.tokenizer?.decode(whole.tokenIDs, skipSpecialTokens: true))
      #expect(whole.tokens.map(\.index) == Array(0..<60))
    }
  }

  @Test func batchesEqualAlone() async throws {
    let llm = try await Demo.llm
    let prompts = [
      "The capital of France is", Demo.story, "A", "Water boils when", Demo.story + " " + Demo.story,
      "One, two, three,",
    ]
    let options = Demo.options(24)
    let together = try await llm.generate(prompts, options: options)
    #expect(together.count == prompts.count)
    for (prompt, generation) in zip(prompts, together) {
      let alone = try await llm.generate(prompt, options: options)
      #expect(alone.tokenIDs == generation.tokenIDs)
      #expect(alone.text == generation.text)
      #expect(generation.promptTokenIDs == (try llm.encode(prompt)))
    }
  }

  @Test func seedsGiveTheSameTextWhateverElseRuns() async throws {
    let llm = try await Demo.llm
    var options = Demo.options(40, temperature: 1)
    options.topK = 50
    options.topP = 0.95
    options.seed = 7
    let alone = try await llm.generate(Demo.story, options: options)
    var other = options
    other.seed = 8
    let others = Task { [other] in
      try await llm.generate([Demo.story, "Some other text", "And a third one"], options: other)
    }
    let busy = try await llm.generate(Demo.story, options: options)
    #expect(busy.tokenIDs == alone.tokenIDs)
    // Another seed tells another story.
    #expect(try await others.value[0].tokenIDs != alone.tokenIDs)
    options.seed = nil
    let first = try await llm.generate(Demo.story, options: options)
    let second = try await llm.generate(Demo.story, options: options)
    #expect(first.tokenIDs != second.tokenIDs)
  }

  @Test func endTokensEndAnAnswer() async throws {
    let llm = try await Demo.llm
    let messages: [ChatMessage] = [.system("You are a helpful assistant."), .user("List three colors.")]
    let ids = try llm.encode(messages: messages)
    #expect(llm.endTokens == [0, 5])
    #expect(llm.defaultOptions.temperature == 0 && llm.defaultOptions.maximumTokens == 256)
    let ended = try await llm.generate(ids)
    #expect(ended.finishReason == .endOfSequence(5))
    #expect(ended.tokenIDs.last == 5)
    #expect(!ended.text.isEmpty && !ended.text.contains("<|end|>"))

    var options = Demo.options(ended.tokens.count + 5)
    let endless = try await llm.generate(ids, options: options)
    #expect(endless.finishReason == .length)
    #expect(endless.tokenIDs.starts(with: ended.tokenIDs))

    options.ignoresEndOfSequence = false
    options.minimumTokens = ended.tokens.count + 3
    let longer = try await llm.generate(ids, options: options)
    #expect(longer.tokenIDs.count >= options.minimumTokens)
    #expect(longer.tokenIDs.prefix(options.minimumTokens - 1).allSatisfy { $0 != 0 && $0 != 5 })
    #expect(longer.tokenIDs.starts(with: ended.tokenIDs.dropLast()))
  }

  @Test func maximumTokens() async throws {
    let llm = try await Demo.llm
    var options = Demo.options(1)
    #expect(try await llm.generate(Demo.story, options: options).tokenIDs.count == 1)
    options.maximumTokens = 0
    let none = try await llm.generate(Demo.story, options: options)
    #expect(none.tokens.isEmpty && none.text.isEmpty && none.finishReason == .length)
    // nil: to the end of the sequence, which the engine limits.
    options.maximumTokens = nil
    let prompt = Array(repeating: Int32(1034), count: 1000)
    #expect(try await llm.generate(prompt, options: options).tokenIDs.count == 24)
  }

  @Test func sessionsKeepTheirHistory() async throws {
    let llm = try await Demo.llm
    let session = llm.session(system: "You are a helpful assistant.", options: Demo.options(12))
    let first = try await session.respond(to: "List three colors.")
    var pieces = ""
    for try await piece in try await session.stream("And three more.") { pieces += piece }
    #expect(
      await session.messages == [
        .system("You are a helpful assistant."), .user("List three colors."), .assistant(first),
        .user("And three more."), .assistant(pieces),
      ])
    let replay = try await llm.generate(
      try llm.encode(messages: Array(await session.messages.dropLast())), options: Demo.options(12))
    #expect(replay.text == pieces)

    await session.reset()
    #expect(await session.messages == [.system("You are a helpful assistant.")])
    let tooLong = await sentence { _ = try await session.respond(to: String(repeating: "word ", count: 2000)) }
    #expect(tooLong?.contains("tokens") == true)
    #expect(await session.messages.count == 1)
    #expect(try await session.respond(to: "List three colors.") == first)
  }
}
