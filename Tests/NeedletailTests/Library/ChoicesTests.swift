import Needletail
import Testing

/// Several answers to one prompt.
@Suite struct ChoicesTests {
  private static func options(seed: UInt64?) -> SamplingOptions {
    var options = Demo.options(24, temperature: 1)
    options.seed = seed
    return options
  }

  @Test func eachIsWhatItsSeedGives() async throws {
    let llm = try await Demo.llm
    let prompt = try llm.encode(Demo.story)
    let options = Self.options(seed: 5)
    let answers = try await llm.generate(prompt, choices: 4, options: options)
    #expect(Set(answers.map(\.tokenIDs)).count == 4)
    #expect(answers[0].tokenIDs == (try await llm.generate(prompt, options: options).tokenIDs))
    let fewer = try await llm.generate(prompt, choices: 2, options: options)
    #expect(fewer.map(\.tokenIDs) == answers.prefix(2).map(\.tokenIDs))
    #expect(answers.allSatisfy { $0.promptTokenIDs == prompt && $0.tokens.allSatisfy { $0.logProbability == nil } })
  }

  @Test func theBestAreTheLikeliest() async throws {
    let llm = try await Demo.llm
    let prompt = try llm.encode(Demo.story)
    var options = Self.options(seed: 9)
    let best = try await llm.generate(prompt, choices: 2, bestOf: 6, options: options)
    #expect(best.allSatisfy { $0.meanLogProbability == nil })
    options.logProbabilities = 0
    let all = try await llm.generate(prompt, choices: 6, options: options)
    let ranked = all.sorted { ($0.meanLogProbability ?? 0) > ($1.meanLogProbability ?? 0) }
    #expect(best.map(\.tokenIDs) == ranked.prefix(2).map(\.tokenIDs))
    #expect(best.map(\.text) == ranked.prefix(2).map(\.text))
  }

  @Test func absurdNumbersAreRefused() async throws {
    let llm = try await Demo.llm
    for (count, bestOf) in [(0, nil), (-1, nil), (129, nil), (2, 1), (1, 129)] as [(Int, Int?)] {
      await #expect(throws: RequestRefusal.self) { try await llm.generate([1, 2], choices: count, bestOf: bestOf) }
    }
  }
}
