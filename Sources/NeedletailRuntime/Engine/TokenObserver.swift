/// Follows the tokens of one request on the engine's thread: turns them into text and matches stop strings.
///
/// A value: each request mutates its own copy. Calls delay every request of the step, so they should take microseconds.
/// An error ends this request only.
public protocol TokenObserver: Sendable {
  /// Takes the next token of the output. Stop and end-of-sequence tokens are shown only if `includesStop` is on.
  /// - Parameter mayStop: false before `SamplingOptions.minimumTokens` tokens; a stop string must not match then.
  mutating func observe(_ token: Int32, mayStop: Bool) throws -> TokenVerdict

  /// The text held back so far (an unfinished character, the beginning of a stop string), called once when the request
  /// ends for another reason than `observe` returning `.stop`.
  mutating func finish() throws -> String
}

/// What an observer makes of a token.
public enum TokenVerdict: Sendable, Hashable {
  /// Go on; `text` is what can be shown now, perhaps empty.
  case proceed(text: String)
  /// End the request with `reason` after showing `text`.
  case stop(text: String, reason: FinishReason)
}
