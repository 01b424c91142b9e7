import NeedletailRuntime
import Testing

@Suite struct EngineLimitsTests {
  let model = EngineLimits.ModelSize(maximumSequenceLength: 1000, vocabularySize: 50, cacheBytesPerToken: 100)

  @Test func takesNoMoreThanItCanUse() throws {
    let limits = try EngineLimits().resolved(for: model, on: .cpu, freeBytes: 1 << 40)
    #expect(limits.blockSize == 16 && limits.maximumSequences == 64 && limits.tokensPerStep == 512)
    #expect(limits.maximumSequenceLength == 1000 && limits.maximumScoredRows == 64 && limits.stepsInFlight == 1)
    #expect(limits.cacheTokens == 64 * 1008)
  }

  @Test func aSmallCacheShortensSequences() throws {
    let limits = try EngineLimits().resolved(for: model, on: .cuda, freeBytes: 50_000)
    #expect(limits.cacheTokens == 448 && limits.maximumSequenceLength == 448)
    var given = EngineLimits()
    given.cacheBytes = 10_000
    given.blockSize = 1
    #expect(try given.resolved(for: model, on: .cpu, freeBytes: 0).cacheTokens == 100)
    given.cacheTokens = 33
    given.blockSize = 16
    #expect(try given.resolved(for: model, on: .cpu, freeBytes: 0).blockCount == 3)
  }

  @Test func refusesWhatCannotBe() {
    func sentence(_ change: (inout EngineLimits) -> Void) -> String {
      var limits = EngineLimits()
      change(&limits)
      return refusal { _ = try limits.resolved(for: model, on: .cpu, freeBytes: 100_000) }
    }
    #expect(sentence { $0.maximumSequenceLength = 1001 }.contains("made for 1000"))
    #expect(sentence { $0.cacheBytes = 1599 }.contains("one block of 16 tokens takes 1600"))
    #expect(
      sentence {
        $0.cacheTokens = 64; $0.maximumSequenceLength = 65
      }.contains("holds 64 tokens"))
    #expect(sentence { $0.tokensPerStep = 0 }.contains("tokensPerStep is 0"))
    #expect(sentence { $0.blockSize = 1 << 40 }.contains("blockSize"))
    #expect(sentence { _ in }.isEmpty)
  }
}
