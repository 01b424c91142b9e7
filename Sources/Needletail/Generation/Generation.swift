import NeedletailRuntime

/// A finished answer.
///
///     let generation = try await llm.generate("Once upon a time")
///     print(generation.text, generation.finishReason.word, generation.tokensPerSecond ?? 0)
public struct Generation: Sendable, Hashable {
  /// The text, without what a stop removed.
  public var text = ""
  /// The prompt's token ids.
  public var promptTokenIDs: [Int32] = []
  /// The output's tokens, with log-probabilities where asked for.
  public var tokens: [GeneratedToken] = []
  /// The prompt's log-probabilities where asked for.
  public var promptTokens: [PromptToken] = []
  /// Why it ended.
  public var finishReason = FinishReason.length
  /// Tokens of the prompt that were in the cache already.
  public var cachedTokens = 0
  /// How long it took.
  public var timings = RequestTimings(queued: nil, firstToken: nil, total: .zero)

  /// The output's token ids.
  public var tokenIDs: [Int32] { tokens.map(\.id) }

  /// Mean of the tokens' log-probabilities; nil where they were not asked for, or there is no token.
  public var meanLogProbability: Float? {
    let known = tokens.compactMap(\.logProbability)
    return known.isEmpty || known.count < tokens.count ? nil : known.reduce(0, +) / Float(known.count)
  }

  /// Output tokens after the first, a second; nil for fewer than two.
  public var tokensPerSecond: Double? {
    guard tokens.count > 1, let first = timings.firstToken else { return nil }
    return Double(tokens.count - 1) / ((timings.total - first).seconds)
  }

  mutating func add(_ event: GenerationEvent) {
    switch event {
    case .promptToken(let token): promptTokens.append(token)
    case .token(let token):
      tokens.append(token)
      text += token.text
    case .finished(let completion):
      text += completion.text
      finishReason = completion.reason
      cachedTokens = completion.cachedTokens
      timings = completion.timings
    }
  }
}

extension FinishReason {
  /// The word that APIs of the field use: "stop", "length", "cancelled".
  public var word: String {
    switch self {
    case .endOfSequence, .stopToken, .stopString: "stop"
    case .length: "length"
    case .cancelled: "cancelled"
    }
  }
}

extension Duration {
  /// The duration in seconds.
  public var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
