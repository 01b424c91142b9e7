/// A request on the engine's thread: its tokens, how they are drawn, and who is told.
final class ActiveRequest {
  let id: RequestID
  let promptCount: Int
  let maximumTokens: Int
  let options: SamplingOptions
  let scoring: GenerationRequest.Scoring?
  let submitted: ContinuousClock.Instant
  let events: AsyncThrowingStream<GenerationEvent, any Error>.Continuation
  /// Ids that end the request, and which of them are the model's end-of-sequence.
  let stopTokens: Set<Int32>
  let endTokens: Set<Int32>
  /// Tokens of the output so far.
  private(set) var generatedCount = 0
  /// Tokens of the prompt that the cache held when it started.
  var cachedTokens = 0
  var sampler: TokenSampler
  var observer: (any TokenObserver)?
  /// When its first step was submitted.
  var started: ContinuousClock.Instant?
  var firstToken: ContinuousClock.Instant?

  init(_ submission: Inbox.Submission) {
    let request = submission.request
    id = submission.id
    promptCount = request.prompt.count
    maximumTokens = submission.maximumTokens
    options = request.options
    scoring = request.scoring
    submitted = submission.submitted
    events = submission.events
    endTokens = request.options.ignoresEndOfSequence ? [] : Set(request.endTokens)
    stopTokens = endTokens.union(request.options.stopTokenIDs)
    sampler = TokenSampler(request.options, prompt: request.prompt, stopTokens: stopTokens, seed: submission.seed)
    observer = request.observer
  }

  /// What the scheduler has to know.
  func schedulerRequest(priority: Int) -> Scheduler.Request {
    var scored = scoring?.positions ?? 0..<0
    if options.promptLogProbabilities != nil, promptCount > 1 {
      // Row p scores the token at p + 1, so the last row is not among them.
      scored = scored.isEmpty ? 0..<promptCount - 1 : 0..<max(scored.upperBound, promptCount - 1)
    }
    return Scheduler.Request(
      id: id, promptCount: promptCount, maximumTokens: maximumTokens, priority: priority, scored: scored,
      runsAhead: !sampler.needsEarlierTokens)
  }

  /// Takes the next token of the output; returns what to tell about it, and why the request ends if it does.
  func accept(_ token: Int32) throws -> (text: String, end: FinishReason?) {
    generatedCount += 1
    sampler.record(token)
    let mayStop = generatedCount >= options.minimumTokens
    let isStop = mayStop && stopTokens.contains(token)
    var text = ""
    if !isStop || options.includesStop {
      switch try observer?.observe(token, mayStop: mayStop) {
      case .proceed(let shown)?: text = shown
      case .stop(let shown, let reason)?:
        // It has said all it had to say.
        observer = nil
        return (shown, reason)
      case nil: break
      }
    }
    if isStop { return (text, endTokens.contains(token) ? .endOfSequence(token) : .stopToken(token)) }
    return (text, generatedCount == maximumTokens ? .length : nil)
  }

  /// Tells that the request has ended by itself or was cancelled.
  func finish(_ reason: FinishReason, at now: ContinuousClock.Instant) throws {
    let text = try observer?.finish() ?? ""
    events.yield(
      .finished(
        Completion(
          reason: reason, text: text, promptTokens: promptCount, cachedTokens: cachedTokens,
          completionTokens: generatedCount,
          timings: RequestTimings(
            queued: started.map { $0 - submitted }, firstToken: firstToken.map { $0 - submitted },
            total: now - submitted))))
    events.finish()
  }

  /// Tells that the request has failed.
  func fail(_ error: any Error) { events.finish(throwing: error) }
}
