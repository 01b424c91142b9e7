import Needletail
import NeedletailTokenizer

/// An answer as it was made, with its times.
struct Answer: Sendable {
  var prompt: [Int32]
  var text = ""
  var tokens: [GeneratedToken] = []
  var promptTokens: [PromptToken] = []
  var reason = FinishReason.cancelled
  var timings: RequestTimings?
  var cachedTokens = 0
  /// From the start of the process to the first token.
  var startToFirstToken: Duration?

  /// Runs a request to its end; with `streams`, writes its text to standard output as it comes. Where there is no
  /// tokenizer the ids are written instead. Cancelling the task ends the request; what there is of it is returned.
  static func collect(
    _ llm: LLM, prompt: [Int32], options: SamplingOptions, streams: Bool
  ) async throws -> Answer {
    var answer = Answer(prompt: prompt)
    let submitted = ContinuousClock.now
    var firstToken: Duration?
    let hasText = llm.tokenizer != nil
    for try await event in try llm.events(prompt, options: options) {
      switch event {
      case .promptToken(let token): answer.promptTokens.append(token)
      case .token(let token):
        if firstToken == nil {
          let now = ContinuousClock.now
          firstToken = now - submitted
          answer.startToFirstToken = now - ProcessStart.instant
        }
        let text = hasText ? token.text : (answer.tokens.isEmpty ? "" : " ") + String(token.id)
        answer.tokens.append(token)
        answer.add(text, isShown: streams)
      case .finished(let completion):
        answer.add(completion.text, isShown: streams)
        answer.reason = completion.reason
        answer.timings = completion.timings
        answer.cachedTokens = completion.cachedTokens
      }
    }
    if answer.timings == nil {
      // Cancelled: the end was not waited for.
      answer.timings = RequestTimings(firstToken: firstToken, total: ContinuousClock.now - submitted)
    }
    return answer
  }

  private mutating func add(_ piece: String, isShown: Bool) {
    guard !piece.isEmpty else { return }
    text += piece
    if isShown { Terminal.write(piece) }
  }

  /// Whether the text ends with a line's end, or there is none.
  var endsLine: Bool { text.isEmpty || text.utf8.last == UInt8(ascii: "\n") }

  /// Tokens after the first, a second; for one token, from the submission on.
  var tokensPerSecond: Double? {
    guard let timings, let first = timings.firstToken, !tokens.isEmpty else { return nil }
    if tokens.count == 1 { return 1 / first.seconds }
    return Double(tokens.count - 1) / max((timings.total - first).seconds, 1e-9)
  }

  /// "64 tokens, 512 tokens/s, first token after 12.0 ms (180 ms from the start), CPU avx512bf16, 2 threads"
  func summary(device: String) -> String {
    var parts = ["\(tokens.count) token\(tokens.count == 1 ? "" : "s")"]
    if let tokensPerSecond { parts.append("\(Show.short(tokensPerSecond)) tokens/s") }
    if let first = timings?.firstToken {
      let sinceStart = startToFirstToken.map { " (\(Show.time(seconds: $0.seconds)) from the start)" } ?? ""
      parts.append("first token after \(Show.time(seconds: first.seconds))\(sinceStart)")
    }
    if reason == .cancelled { parts.append("stopped") }
    return (parts + [device]).joined(separator: ", ")
  }

  private var usage: JSONObject {
    var usage = JSONObject([("prompt_tokens", .int(prompt.count)), ("completion_tokens", .int(tokens.count))])
    if cachedTokens > 0 { usage["cached_tokens"] = .int(cachedTokens) }
    return usage
  }

  /// The object that `run --json` prints.
  func json(loadTime: Duration, _ llm: LLM) -> JSON { .object(object(loadTime: loadTime, llm)) }

  func object(loadTime: Duration, _ llm: LLM) -> JSONObject {
    let tokenizer = llm.tokenizer
    let parts = llm.startTimes.parts.map { ($0.name, JSON.double($0.duration.seconds)) }
    var object = JSONObject([
      ("text", .string(tokenizer == nil ? "" : text)),
      ("token_ids", .array(tokens.map { .int(Int($0.id)) })),
      ("prompt_token_ids", .array(prompt.map { .int(Int($0)) })),
      ("finish_reason", .string(reason.word)),
      ("usage", .object(usage)),
      (
        "timings",
        [
          "load_s": .double(loadTime.seconds), "ttft_s": timings?.firstToken.map { .double($0.seconds) } ?? .null,
          "tokens_per_s": tokensPerSecond.map { .double($0) } ?? .null,
          "start_to_first_token_s": startToFirstToken.map { .double($0.seconds) } ?? .null,
          "load_parts_s": .object(JSONObject(parts)),
        ]
      ),
    ])
    for (name, value) in probabilities(tokenizer) { object[name] = value }
    return object
  }
}
