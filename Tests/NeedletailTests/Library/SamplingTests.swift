import Foundation
import Needletail
import NeedletailTesting
import Testing

/// Log-probabilities, biases and penalties against the logits of the same positions.
@Suite struct SamplingTests {
  /// The logits that chose each token of a generation, `[tokens][vocabulary]`.
  private static func rows(_ llm: LLM, _ generation: Generation) async throws -> [ArraySlice<Float>] {
    let all = generation.promptTokenIDs + generation.tokenIDs
    let logits = try await llm.logits(all)
    let width = logits.count / all.count
    return generation.tokenIDs.indices.map { index in
      let row = generation.promptTokenIDs.count - 1 + index
      return logits[row * width..<(row + 1) * width]
    }
  }

  @Test(arguments: [Float(0), 1])
  func logProbabilities(_ temperature: Float) async throws {
    let llm = try await Demo.llm
    var options = Demo.options(16, temperature: temperature)
    options.seed = 3
    options.topK = 40
    options.logProbabilities = 20
    let generation = try await llm.generate(Demo.story, options: options)
    let rows = try await Self.rows(llm, generation)
    for (token, row) in zip(generation.tokens, rows) {
      let chosen = try #require(token.logProbability)
      // Of the model's own distribution, before temperature and top-k.
      #expect(abs(Double(chosen) - logProbability(of: Int(token.id), in: row)) < 1e-4)
      #expect(token.top.count == 20 && Set(token.top.map(\.id)).count == 20)
      for entry in token.top {
        #expect(abs(Double(entry.logProbability) - logProbability(of: Int(entry.id), in: row)) < 1e-4)
      }
      let listed = token.top.map(\.logProbability)
      #expect(listed == listed.sorted(by: >))
      #expect(token.top.map { row[row.startIndex + Int($0.id)] } == Array(row.sorted(by: >).prefix(20)))
      #expect(listed.reduce(0) { $0 + exp(Double($1)) } <= 1.0001)
      if temperature == 0 { #expect(token.top[0].id == token.id) }
    }
    options.logProbabilities = nil
    let plain = try await llm.generate(Demo.story, options: options)
    #expect(plain.tokenIDs == generation.tokenIDs)
    #expect(plain.tokens.allSatisfy { $0.logProbability == nil && $0.top.isEmpty })
  }

  @Test func promptLogProbabilities() async throws {
    let llm = try await Demo.llm
    var options = Demo.options(0)
    options.promptLogProbabilities = 3
    let generation = try await llm.generate(Demo.story, options: options)
    let prompt = generation.promptTokenIDs
    let logits = try await llm.logits(prompt)
    let width = logits.count / prompt.count
    #expect(generation.promptTokens.map(\.position) == Array(1..<prompt.count))
    for entry in generation.promptTokens {
      let row = logits[(entry.position - 1) * width..<entry.position * width]
      #expect(entry.token.id == prompt[entry.position])
      #expect(
        abs(Double(entry.token.logProbability) - logProbability(of: Int(prompt[entry.position]), in: row)) < 1e-4)
      #expect(entry.top.map { row[row.startIndex + Int($0.id)] } == Array(row.sorted(by: >).prefix(3)))
    }
  }

  @Test func biasesAndBans() async throws {
    let llm = try await Demo.llm
    let free = try await llm.generate(Demo.story, options: Demo.options(24)).tokenIDs
    var options = Demo.options(24)
    options.logitBias = [free[0]: -.infinity, free[3]: -.infinity]
    let banned = try await llm.generate(Demo.story, options: options)
    #expect(!banned.tokenIDs.contains(free[0]) && !banned.tokenIDs.contains(free[3]))
    let first = try await Self.rows(llm, banned)[0]
    let likeliest = first.indices.filter {
      $0 - first.startIndex != Int(free[0]) && $0 - first.startIndex != Int(free[3])
    }
    .max { first[$0] < first[$1] }
    #expect(Int(banned.tokenIDs[0]) == (try #require(likeliest)) - first.startIndex)
    options.logitBias = [77: 100]
    #expect(try await llm.generate(Demo.story, options: options).tokenIDs == Array(repeating: 77, count: 24))
    options.temperature = 1
    #expect(try await llm.generate(Demo.story, options: options).tokenIDs == Array(repeating: 77, count: 24))
  }

  /// Every greedy token is the likeliest of the row after its penalties.
  @Test(arguments: [(1.3, 0, 0), (1, 1.5, 0), (1, 0, 0.8), (1.1, -0.5, 0.4)] as [(Float, Float, Float)])
  func penalties(_ repetition: Float, _ presence: Float, _ frequency: Float) async throws {
    let llm = try await Demo.llm
    var options = Demo.options(40)
    options.repetitionPenalty = repetition
    options.presencePenalty = presence
    options.frequencyPenalty = frequency
    let generation = try await llm.generate(Demo.story, options: options)
    let free = try await llm.generate(Demo.story, options: Demo.options(40))
    #expect(generation.tokenIDs != free.tokenIDs)
    let rows = try await Self.rows(llm, generation)
    for (index, row) in rows.enumerated() {
      var row = Array(row)
      let output = generation.tokenIDs[..<index]
      for token in Set(output).union(generation.promptTokenIDs) {
        row[Int(token)] = row[Int(token)] > 0 ? row[Int(token)] / repetition : row[Int(token)] * repetition
      }
      for token in Set(output) {
        row[Int(token)] -= presence + frequency * Float(output.count { $0 == token })
      }
      let best = try #require(row.max())
      #expect(row[Int(generation.tokenIDs[index])] >= best - 1e-4, "token \(index)")
    }
  }

  @Test func truncationLeavesOutTheUnlikely() async throws {
    let llm = try await Demo.llm
    let prompt = try llm.encode(Demo.story)
    let all = try await llm.logits(prompt)
    let width = all.count / prompt.count
    let row = all.suffix(width)
    let probabilities = (0..<width).map { exp(logProbability(of: $0, in: row)) }
    let sorted = probabilities.sorted(by: >)
    var draws: [(name: String, options: SamplingOptions, smallest: Double)] = []
    var options = Demo.options(1, temperature: 1)
    options.topK = 3
    draws.append(("top-k", options, sorted[2]))
    options = Demo.options(1, temperature: 1)
    options.topP = 0.5
    var (sum, count) = (0.0, 0)
    while sum < 0.5 { (sum, count) = (sum + sorted[count], count + 1) }
    draws.append(("top-p", options, sorted[count - 1]))
    options = Demo.options(1, temperature: 1)
    options.minP = 0.1
    draws.append(("min-p", options, sorted[0] * 0.1))
    for draw in draws {
      var drawn: Set<Int32> = []
      for seed in 0..<40 as Range<UInt64> {
        var options = draw.options
        options.seed = seed
        drawn.insert(try await llm.generate(prompt, options: options).tokenIDs[0])
      }
      #expect(drawn.allSatisfy { probabilities[Int($0)] >= draw.smallest * 0.9999 }, "\(draw.name)")
      #expect(drawn.count > 1, "\(draw.name)")
    }
  }
}
