/// What happens to a request, in order: prompt tokens if asked for, generated tokens, and one end.
public enum GenerationEvent: Sendable, Hashable {
  /// A token of the prompt with its log-probability; only with `SamplingOptions.promptLogProbabilities`.
  case promptToken(PromptToken)
  /// The next token of the output.
  case token(GeneratedToken)
  /// The request has ended; nothing follows.
  case finished(Completion)
}

/// A token with its natural log-probability under the model's own distribution.
public struct TokenProbability: Sendable, Hashable {
  /// Token id.
  public var id: Int32
  /// Natural logarithm of its probability.
  public var logProbability: Float

  /// A token and its log-probability.
  public init(id: Int32, logProbability: Float) {
    self.id = id
    self.logProbability = logProbability
  }
}

/// A token of the prompt, scored by the tokens before it.
public struct PromptToken: Sendable, Hashable {
  /// Position in the prompt, from 1 (nothing stands before the first token).
  public var position: Int
  /// The token and its log-probability.
  public var token: TokenProbability
  /// The likeliest tokens at its place, most likely first.
  public var top: [TokenProbability]
}

/// A token of the output.
public struct GeneratedToken: Sendable, Hashable {
  /// Token id.
  public var id: Int32
  /// Index in the output, from 0.
  public var index: Int
  /// Text that the request's observer can show now; empty without an observer.
  public var text: String
  /// Natural log-probability; nil unless `SamplingOptions.logProbabilities` is given.
  public var logProbability: Float?
  /// The likeliest tokens at its place, most likely first.
  public var top: [TokenProbability]
}

/// Why a request ended.
public enum FinishReason: Sendable, Hashable {
  /// The model chose this end-of-sequence token; it is the last of the output.
  case endOfSequence(Int32)
  /// One of `SamplingOptions.stopTokenIDs`; it is the last of the output.
  case stopToken(Int32)
  /// One of `SamplingOptions.stopStrings`, as matched by the observer.
  case stopString(String)
  /// As many tokens as allowed were generated, or the prompt has been scored and none were asked for.
  case length
  /// Someone called `cancel`.
  case cancelled
}

/// How a request ended.
public struct Completion: Sendable, Hashable {
  /// Why.
  public var reason: FinishReason
  /// Text that the observer had held back until the end.
  public var text: String
  /// Tokens of the prompt.
  public var promptTokens: Int
  /// Tokens of the prompt that the cache held, from other requests, when this one started.
  public var cachedTokens: Int
  /// Tokens of the output, a stop token included.
  public var completionTokens: Int
  /// How long it took.
  public var timings: RequestTimings
}

/// Times of a request, all from its submission.
public struct RequestTimings: Sendable, Hashable {
  /// Until its first step was submitted to the device; nil if it never was.
  public var queued: Duration?
  /// Until its first token was known; nil if there was none.
  public var firstToken: Duration?
  /// Until it ended.
  public var total: Duration

  /// Times of a request.
  public init(queued: Duration? = nil, firstToken: Duration? = nil, total: Duration) {
    self.queued = queued
    self.firstToken = firstToken
    self.total = total
  }
}
