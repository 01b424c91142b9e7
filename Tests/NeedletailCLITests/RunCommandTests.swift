import NeedletailJSON
import Testing

@Suite(.enabled(if: CommandLineProgram.isAvailable))
struct RunCommandTests {
  private func run(_ arguments: String..., input: String = "") -> CommandLineProgram.Outcome {
    CommandLineProgram.run(["run", "--model", CommandLineProgram.demo] + arguments, input: input)
  }

  @Test func streamsTextAndEndsWithALineOfFigures() {
    let outcome = run("--prompt", "Once upon a time", "--max-tokens", "8")
    #expect(outcome.code == 0)
    #expect(outcome.output.hasPrefix(" the people were"))
    #expect(outcome.error.hasPrefix("8 tokens, "))
    #expect(outcome.error.contains("first token after") && outcome.error.contains("CPU"))
  }

  @Test func jsonHasTheDocumentedShape() throws {
    let outcome = run("--prompt", "Once upon a time", "--max-tokens", "5", "--json", "--logprobs", "2")
    let json = try JSON.parse(outcome.output)
    #expect(json["token_ids"]?.array?.count == 5)
    #expect(json["prompt_token_ids"]?.array?.first == 1)
    #expect(json["finish_reason"]?.string == "length")
    #expect(json["usage"] == ["prompt_tokens": 5, "completion_tokens": 5])
    for name in ["load_s", "ttft_s", "tokens_per_s"] { #expect(json["timings"]?[name]?.double ?? 0 > 0) }
    let first = json["logprobs"]?.array?.first
    #expect(first?["logprob"] == first?["top_logprobs"]?.array?.first?["logprob"])
  }

  @Test func givesSeveralAnswers() throws {
    let arguments = ["--prompt", "Once upon a time", "--max-tokens", "6", "--temperature", "1", "--seed", "3"]
    func answers(_ more: String...) throws -> JSON {
      try JSON.parse(
        CommandLineProgram.run(["run", "--model", CommandLineProgram.demo, "--json"] + arguments + more).output)
    }
    let three = try answers("--n", "3", "--prompt-logprobs", "1")
    let choices = try #require(three["choices"]?.array)
    #expect(choices.compactMap { $0["index"]?.int } == [0, 1, 2])
    #expect(choices[0]["token_ids"] == three["token_ids"] && choices[1]["token_ids"] != choices[0]["token_ids"])
    #expect(three["usage"] == ["prompt_tokens": 5, "completion_tokens": 18])
    #expect(three["prompt_logprobs"]?.array?.count == 5)
    #expect(three["prompt_logprobs"]?.array?[4]["top_logprobs"]?.array?.count == 1)
    #expect(try answers()["token_ids"] == three["token_ids"])
    #expect(try answers("--best-of", "4")["choices"]?.array?.count == 1)
    let text = run("--prompt", "Once", "--max-tokens", "3", "--n", "2").output
    #expect(text.hasPrefix("[1]\n") && text.contains("\n[2]\n"))
  }

  @Test func takesPromptsFromStandardInputAndTokenIDs() throws {
    let text = run("--max-tokens", "4", "--json", input: "Once upon a time")
    let ids = run("--max-tokens", "4", "--json", "--token-ids", "1, 3201,844,264,609")
    #expect(try JSON.parse(text.output)["token_ids"] == JSON.parse(ids.output)["token_ids"])
  }

  @Test func theSameSeedGivesTheSameText() {
    let arguments = ["run", "--model", CommandLineProgram.demo, "--prompt", "The sea", "--temperature", "1.2"]
    let limits = ["--max-tokens", "16", "--top-p", "0.95", "--seed"]
    let first = CommandLineProgram.run(arguments + limits + ["7"]).output
    #expect(first == CommandLineProgram.run(arguments + limits + ["7"]).output)
    #expect(first != CommandLineProgram.run(arguments + limits + ["8"]).output)
  }

  @Test func stopsBeforeAStopString() throws {
    let outcome = run("--prompt", "Once upon a time", "--max-tokens", "32", "--stop", "house", "--json")
    let json = try JSON.parse(outcome.output)
    #expect(json["finish_reason"]?.string == "stop")
    #expect(json["text"]?.string == " the people were in the ")
  }

  @Test func answersAMessageThroughTheTemplate() throws {
    let outcome = run("--chat", "--system", "Be brief.", "--prompt", "Hello", "--max-tokens", "4", "--json")
    let ids = try JSON.parse(outcome.output)["prompt_token_ids"]?.array?.compactMap(\.int) ?? []
    #expect(ids.first == 1)
    #expect(ids.contains(4) && ids.contains(2) && ids.contains(3))
  }

  @Test(arguments: [
    ["--prompt", "x", "--temperature", "nan"], ["--prompt", "x", "--temperature", "-1"], ["--prompt", ""],
    ["--prompt", "x", "--prompt-file", "y"], ["--prompt-file", "/nonexistent"], ["--token-ids", "99999999"],
    ["--prompt", "x", "--top-p", "0"], ["--prompt", "x", "--system", "y"], ["--prompt", "x", "--quantize", "fp3"],
    ["--prompt", "x", "--tensor-parallel", "2"], ["--prompt", "x", "--device", "cuda"],
    ["--prompt", "x", "--threads", "0"], ["--prompt", "x", "--n", "0"],
    ["--prompt", "x", "--n", "3", "--best-of", "2"],
    ["--prompt", "x", "--dtype", "int8"],
    ["--prompt", "x", "--logit-bias", "99999=1"], ["--prompt", "x", "--max-sequence-length", "1"],
  ])
  func whatCannotBeUsedIsOneSentence(_ arguments: [String]) {
    let outcome = CommandLineProgram.run(["run", "--model", CommandLineProgram.demo] + arguments)
    #expect(outcome.code == 2, "\(outcome.error)")
    #expect(outcome.error.hasPrefix("Error: "))
    #expect(outcome.error.split(separator: "\n").count == 1)
    #expect(outcome.output.isEmpty)
  }

  @Test func aModelThatIsNotThereSaysHowToFetchIt() {
    let outcome = CommandLineProgram.run(["run", "--model", "someone/nothing", "--prompt", "x"])
    #expect(outcome.code == 2)
    #expect(outcome.error.contains("hf download someone/nothing"))
  }

  @Test func anUnknownOptionIsAUsageError() {
    #expect(run("--no-such-option").code == 64)
    #expect(CommandLineProgram.run(["serve"]).code == 64)
  }
}
