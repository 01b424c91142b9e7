import Needletail
import NeedletailTesting
import Testing

/// The trained models against what `transformers` computes of them in float32.
@Suite struct NeedleReferenceTests {
  private static func load(_ path: String) async throws -> LLM {
    var options = LoadOptions()
    options.dtype = .float32
    options.limits.cacheTokens = 4096
    return try await LLM(path, options: options)
  }

  @Test func demo() async throws {
    try await Self.check(
      try await Self.load(Place.demo), try NeedleReference(Place.fixtures + "/needle-5m-reference.json"))
  }

  @Test(.enabled(if: Place.exists(Place.needle40m)))
  func larger() async throws {
    try await Self.check(
      try await Self.load(Place.needle40m), try NeedleReference(Place.needle40m + "/reference.json"))
  }

  /// Encodes all prompts, and continues them together.
  private static func check(_ llm: LLM, _ reference: NeedleReference) async throws {
    #expect(reference.cases.count == 20)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for item in reference.cases {
        group.addTask {
          let ids = item.isChat ? try llm.encode(messages: item.messages) : try llm.encode(item.prompt)
          #expect(ids == item.promptIDs)
          let count = decidedCount(item.margins, over: 1e-3)
          let greedy = try await llm.greedy(ids, count: item.greedyIDs.count)
          #expect(greedy.prefix(count) == item.greedyIDs.prefix(count), "\(item.prompt)")
          let last = try await llm.logits(ids).suffix(8192)
          #expect(last.count == 8192 && item.topIDs.count == 20)
          for (id, value) in zip(item.topIDs, item.topValues) {
            #expect(abs(last[last.startIndex + id] - value) < 1e-3, "logit of \(id) after \(item.prompt)")
          }
          let highest = last.sorted(by: >).prefix(20)
          #expect(zip(highest, item.topValues).allSatisfy { abs($0 - $1) < 1e-3 })
        }
      }
      try await group.waitForAll()
    }
  }
}
