import NeedletailGraph

extension Engine {
  /// Computes the logits of `positions` of `prompt`, all of them if nil, and gives them to `receive` a few at a time.
  /// - Parameters:
  ///   - prompt: token ids, at least one.
  ///   - receive: called on the engine's thread in the order of the positions; the logits, `[positions, vocabulary]`, are
  ///     lent for the time of the call. What it throws ends the request and is thrown here.
  /// - Throws: `RequestRefusal`, `EngineError`, or `CancellationError` when the task is cancelled.
  public func score(
    _ prompt: [Int32], positions: Range<Int>? = nil, priority: Int = 0,
    receive: @escaping @Sendable (_ positions: Range<Int>, _ logits: FloatRows) throws -> Void
  ) async throws {
    try await rows(of: .logits, prompt, positions: positions, priority: priority, receive: receive)
  }

  /// Computes the rows of an output at `positions` of `prompt`, all of them if nil, and gives them to `receive` a few at a
  /// time, as `score` does.
  /// - Parameter cacheSalt: positions before the first one that is wanted may be in the cache, of requests of this salt.
  public func rows(
    of output: StepOutput, _ prompt: [Int32], positions: Range<Int>? = nil, priority: Int = 0, cacheSalt: String = "",
    receive: @escaping @Sendable (_ positions: Range<Int>, _ rows: FloatRows) throws -> Void
  ) async throws {
    var options = SamplingOptions.greedy
    options.maximumTokens = 0
    let stream = try submit(
      GenerationRequest(
        prompt: prompt, options: options, priority: priority, cacheSalt: cacheSalt,
        scoring: GenerationRequest.Scoring(output, positions: positions ?? 0..<prompt.count, receive: receive)))
    for try await event in stream {
      if case .finished(let completion) = event, completion.reason != .cancelled { return }
    }
    throw CancellationError()
  }
}
