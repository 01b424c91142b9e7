import ArgumentParser
import Needletail

extension RunCommand {
  /// Answers several times and prints all answers when the last one is complete.
  func printChoices(_ llm: LLM, _ prompt: [Int32], _ options: SamplingOptions, loadTime: Duration) async throws {
    let generations = try await Interrupt.cancelling {
      try await llm.generate(prompt, choices: count, bestOf: bestOf, options: options)
    }
    if generations.isInterrupted { throw ExitCode(130) }
    let answers = generations.result.map(Answer.init)
    guard !json else {
      Terminal.line(Answer.json(answers, loadTime: loadTime, llm).text())
      return
    }
    for (index, answer) in answers.enumerated() {
      if answers.count > 1 { Terminal.line("[\(index + 1)]") }
      Terminal.write(llm.tokenizer == nil ? answer.tokens.map { String($0.id) }.joined(separator: " ") : answer.text)
      if !answer.endsLine { Terminal.line() }
      answer.printProbabilities(llm.tokenizer)
      Terminal.error(answer.summary(device: llm.deviceSummary))
    }
  }
}

extension Answer {
  /// A finished answer.
  init(_ generation: Generation) {
    self.init(
      prompt: generation.promptTokenIDs, text: generation.text, tokens: generation.tokens,
      promptTokens: generation.promptTokens, reason: generation.finishReason, timings: generation.timings,
      cachedTokens: generation.cachedTokens)
  }

  /// The object that `run --json` prints for several answers: that of the first, with all of them as "choices" and the
  /// tokens of all counted.
  static func json(_ answers: [Answer], loadTime: Duration, _ llm: LLM) -> JSON {
    guard let first = answers.first else { return .null }
    var object = first.object(loadTime: loadTime, llm)
    object["usage"] = [
      "prompt_tokens": .int(first.prompt.count), "completion_tokens": .int(answers.reduce(0) { $0 + $1.tokens.count }),
    ]
    object["choices"] = .array(
      answers.enumerated().map { index, answer in
        var choice = JSONObject([("index", .int(index))])
        let own = answer.object(loadTime: loadTime, llm)
        for name in ["text", "token_ids", "finish_reason", "logprobs"] {
          if let value = own[name] { choice[name] = value }
        }
        return .object(choice)
      })
    return .object(object)
  }
}
