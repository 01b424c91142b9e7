import Foundation
import NeedletailRuntime
import Testing

@Suite struct SamplingOptionsTests {
  @Test func acceptsTheDefaults() throws {
    try SamplingOptions().validate(vocabularySize: 10)
    try SamplingOptions.greedy.validate(vocabularySize: 10)
  }

  static let refused: [(@Sendable (inout SamplingOptions) -> Void, String)] = [
    ({ $0.temperature = .nan }, "temperature"), ({ $0.temperature = -1 }, "temperature"),
    ({ $0.temperature = .infinity }, "temperature"), ({ $0.topK = -1 }, "topK"), ({ $0.topP = 0 }, "topP"),
    ({ $0.topP = .nan }, "topP"), ({ $0.topP = 1.5 }, "topP"), ({ $0.minP = -0.1 }, "minP"),
    ({ $0.minP = .nan }, "minP"), ({ $0.repetitionPenalty = 0 }, "repetitionPenalty"),
    ({ $0.repetitionPenalty = .infinity }, "repetitionPenalty"), ({ $0.presencePenalty = .nan }, "presencePenalty"),
    ({ $0.frequencyPenalty = 3 }, "frequencyPenalty"), ({ $0.maximumTokens = -1 }, "maximumTokens"),
    ({ $0.minimumTokens = -1 }, "minimumTokens"), ({ $0.minimumTokens = 300 }, "minimumTokens"),
    ({ $0.stopStrings = ["a", ""] }, "stop string"), ({ $0.stopTokenIDs = [10] }, "Stop token 10"),
    ({ $0.stopStrings = Array(repeating: "a", count: 65) }, "65 stop strings"),
    ({ $0.stopStrings = [String(repeating: "a", count: 4097)] }, "4097 bytes"),
    ({ $0.logitBias = [-1: 0] }, "token -1"),
    ({ $0.logitBias = [3: .nan] }, "bias of token 3"), ({ $0.logitBias = [3: .infinity] }, "bias of token 3"),
    ({ $0.logProbabilities = 21 }, "logProbabilities"), ({ $0.promptLogProbabilities = -1 }, "promptLogProbabilities"),
  ]

  @Test(arguments: refused.indices) func refuses(index: Int) {
    let (change, word) = Self.refused[index]
    var options = SamplingOptions()
    change(&options)
    let sentence = refusal { try options.validate(vocabularySize: 10) }
    #expect(sentence.contains(word) && sentence.hasSuffix("."))
  }

  @Test func codesEveryField() throws {
    var options = SamplingOptions()
    options.maximumTokens = nil
    options.minimumTokens = 2
    options.temperature = 0.5
    options.topK = 3
    options.topP = 0.9
    options.minP = 0.1
    options.repetitionPenalty = 1.1
    options.presencePenalty = 0.2
    options.frequencyPenalty = 0.3
    options.seed = .max
    options.stopStrings = ["stop"]
    options.stopTokenIDs = [4]
    options.includesStop = true
    options.ignoresEndOfSequence = true
    options.logitBias = [5: 1.5, 6: -2]
    options.logProbabilities = 3
    options.promptLogProbabilities = 0
    let data = try JSONEncoder().encode(options)
    #expect(try JSONDecoder().decode(SamplingOptions.self, from: data) == options)
    let text = try #require(String(data: data, encoding: .utf8))
    #expect(text.contains(#""5":1.5"#))
  }

  @Test func absentFieldsKeepTheirDefaults() throws {
    let options = try JSONDecoder().decode(SamplingOptions.self, from: Data(#"{"temperature": 0}"#.utf8))
    #expect(options == .greedy)
    let limits = try JSONDecoder().decode(EngineLimits.self, from: Data(#"{"blockSize": 4}"#.utf8))
    #expect(limits.blockSize == 4 && limits.cacheTokens == nil)
  }

  @Test func limitsMustBePositive() {
    var limits = EngineLimits()
    limits.cacheTokens = 0
    #expect(throws: RequestRefusal.self) { try limits.validate() }
    limits.cacheTokens = 1
    #expect(throws: Never.self) { try limits.validate() }
  }
}
