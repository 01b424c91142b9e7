import NeedletailJSON
import Testing

@testable import NeedletailCheckpoint

struct GenerationConfigTests {
  private func read(_ text: String) throws -> GenerationConfig {
    try GenerationConfig(JSON.parse(text, options: .init(allowsNonFiniteNumbers: true)), path: "g.json")
  }

  @Test func everyField() throws {
    let config = try read(
      """
      {"bos_token_id": 1, "eos_token_id": [2, 3, 2], "pad_token_id": 0, "do_sample": true, "temperature": 0.6, "top_k": 20,
       "top_p": 0.95, "min_p": 0, "repetition_penalty": 1.05, "max_new_tokens": 100, "max_length": 4096,
       "min_new_tokens": 2, "stop_strings": ["a", "b"], "transformers_version": "4.51.0", "_from_model_config": true}
      """)
    var expected = GenerationConfig()
    expected.endTokenIDs = [2, 3]
    expected.beginTokenID = 1
    expected.padTokenID = 0
    expected.doesSample = true
    expected.temperature = 0.6
    expected.topK = 20
    expected.topP = 0.95
    expected.minP = 0
    expected.repetitionPenalty = 1.05
    expected.maximumNewTokens = 100
    expected.maximumLength = 4096
    expected.minimumNewTokens = 2
    expected.stopStrings = ["a", "b"]
    #expect(config == expected)
  }

  @Test func absentAndNull() throws {
    #expect(try read("{}") == GenerationConfig())
    #expect(try read("{\"temperature\": null, \"eos_token_id\": null, \"top_k\": null}") == GenerationConfig())
    let config = try read("{\"eos_token_id\": 7, \"top_k\": -1, \"pad_token_id\": -1, \"stop_strings\": \"x\"}")
    #expect(config.endTokenIDs == [7] && config.topK == 0 && config.padTokenID == nil && config.stopStrings == ["x"])
  }

  @Test(arguments: [
    ("{\"temperature\": NaN}", "temperature is nan and should be a number from 0 on"),
    ("{\"temperature\": Infinity}", "temperature is inf and"), ("{\"temperature\": -0.5}", "temperature is -0.5 and"),
    ("{\"temperature\": \"hot\"}", "temperature is \"hot\" and"),
    ("{\"top_p\": 1.5}", "top_p is 1.5 and should be a number from 0 to 1"),
    ("{\"min_p\": -0.1}", "min_p is -0.1 and"), ("{\"top_k\": 1.5}", "top_k is 1.5 and"),
    ("{\"top_k\": -2}", "top_k is -2 and"),
    ("{\"repetition_penalty\": 0}", "repetition_penalty is 0 and should be a number above 0"),
    ("{\"max_new_tokens\": 0}", "max_new_tokens is 0 and"), ("{\"max_length\": 1e300}", "max_length is 1e+300 and"),
    ("{\"max_new_tokens\": 9999999999}", "max_new_tokens is 9999999999 and"),
    ("{\"do_sample\": 1}", "do_sample is 1 and should be true or false"),
    ("{\"eos_token_id\": [1, \"x\"]}", "eos_token_id is [1, \"x\"] and"),
    ("{\"eos_token_id\": -2}", "eos_token_id is -2 and"),
    ("{\"bos_token_id\": [1, 2]}", "bos_token_id is [1, 2] and"),
    ("{\"stop_strings\": [1]}", "stop_strings is [1] and"),
    ("[]", "is an array and not an object"),
  ]) func refusesNonsense(_ text: String, _ words: String) {
    let error = sentence { _ = try read(text) }
    #expect(error.hasPrefix("g.json: ") && error.contains(words), "\(error)")
  }
}
