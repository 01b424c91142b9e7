import Logging

/// Runs requests together on one executor, step by step, on a thread of its own.
///
///     let engine = try Engine(executor: executor)
///     for try await event in try engine.submit(GenerationRequest(prompt: [1, 2, 3], options: .greedy)) {
///       if case .token(let token) = event { print(token.id) }
///     }
///     await engine.shutdown()
///
/// Requests join and leave at any step. A request's tokens depend on its prompt, options and seed, never on what else
/// runs. One request's failure ends that request; a failure of the executor ends all of them, and the engine takes no
/// more. An engine that nobody holds stops by itself (streams hold theirs).
public final class Engine: Sendable {
  /// What the executor can take.
  public let limits: ExecutorLimits
  /// Requests that may be open at the same time, running or waiting.
  private let capacity: Int
  private let schedulerLimits: Scheduler.Limits
  private let inbox = Monitor(Inbox())
  private let counters: Monitor<EngineMetrics>

  /// Starts an engine.
  /// - Parameters:
  ///   - executor: runs the steps; the engine's thread is the only one that calls it from now on.
  ///   - tokensPerPrefillChunk: tokens of one prompt in one step; nil: as many as the step has room for.
  ///   - maximumWaitingRequests: requests that may wait beside the most that run at the same time, before more are
  ///     refused; nil: any number.
  /// - Throws: `EngineError` when no thread can be started.
  public init(
    executor: any StepExecutor, tokensPerPrefillChunk: Int? = nil, maximumWaitingRequests: Int? = nil,
    logger: Logger = Logger(label: "needletail.engine")
  ) throws(EngineError) {
    limits = executor.limits
    let (capacity, isUnbounded) = executor.limits.maximumSequences.addingReportingOverflow(
      maximumWaitingRequests ?? .max)
    self.capacity = isUnbounded ? .max : capacity
    let schedulerLimits = Scheduler.Limits(executor.limits, tokensPerPrefillChunk: tokensPerPrefillChunk)
    self.schedulerLimits = schedulerLimits
    var metrics = EngineMetrics()
    metrics.blockCount = executor.limits.blockCount
    counters = Monitor(metrics)
    // The thread holds the inbox and the executor, not the engine, so that the engine can go away.
    try startThread { [inbox, counters] in
      EngineLoop(
        executor: executor, scheduler: Scheduler(schedulerLimits), inbox: inbox, counters: counters, logger: logger
      ).run()
    }
  }

  deinit {
    inbox.change { inbox in
      switch inbox.lifecycle {
      case .open, .draining: inbox.lifecycle = .stopping
      case .stopping, .closed: break
      }
    }
  }

  /// Counters and what the engine holds, as of the latest step.
  public var metrics: EngineMetrics { counters.withLock { $0 } }

  /// Adds a request; it starts when there is room. Never blocks; takes time linear in the prompt.
  /// - Throws: `RequestRefusal` when the request can never be served, `EngineError` when it cannot be now.
  public func submit(_ request: GenerationRequest) throws -> RequestStream {
    let maximumTokens = try check(request)
    let seed = request.options.seed ?? UInt64.random(in: 0 ... .max)
    let (events, continuation) = AsyncThrowingStream<GenerationEvent, any Error>.makeStream()
    let submitted = ContinuousClock.now
    let id = try inbox.change { inbox throws(EngineError) in
      try inbox.checkOpen()
      guard inbox.openCount < capacity else { throw EngineError.queueFull(limit: capacity) }
      inbox.openCount += 1
      inbox.lastID += 1
      let id = RequestID(inbox.lastID)
      inbox.submissions.append(
        Inbox.Submission(
          id: id, request: request, maximumTokens: maximumTokens, seed: seed, submitted: submitted,
          events: continuation))
      return id
    }
    counters.withLock { $0.submittedRequests += 1 }
    // Weak, so that the stream's buffer does not keep the inbox of an engine that is gone.
    continuation.onTermination = { [weak inbox] termination in
      if case .cancelled = termination { inbox?.change { $0.cancellations.append(id) } }
    }
    return RequestStream(id: id, engine: self, events: events)
  }

  /// Ends a request within a step; nothing happens if it has ended already.
  public func cancel(_ id: RequestID) {
    inbox.change { $0.cancellations.append(id) }
  }

  /// Takes no more requests and returns when the thread has ended.
  /// - Parameter finishing: whether the requests there are run to their end; else they end with `EngineError.shutDown`.
  public func shutdown(finishing: Bool = true) async {
    await withCheckedContinuation { continuation in
      let isClosed = inbox.change { inbox in
        switch inbox.lifecycle {
        case .closed: return true
        case .stopping: break
        case .open, .draining: inbox.lifecycle = finishing ? .draining : .stopping
        }
        inbox.closeWaiters.append(continuation)
        return false
      }
      if isClosed { continuation.resume() }
    }
  }

  /// Throws a sentence when the request can never be served; returns how many tokens it may generate.
  private func check(_ request: GenerationRequest) throws(RequestRefusal) -> Int {
    try request.options.validate(
      vocabularySize: limits.vocabularySize, maximumTopTokens: limits.maximumTopTokens)
    for (position, token) in request.prompt.enumerated() where token < 0 || token >= limits.vocabularySize {
      throw RequestRefusal(
        "Token \(token) at position \(position) of the prompt is not in 0 ..< \(limits.vocabularySize).")
    }
    let room = limits.maximumSequenceLength - request.prompt.count
    let maximumTokens: Int
    if let asked = request.options.maximumTokens {
      maximumTokens = asked == 0 ? 0 : max(1, min(asked, room))
    } else {
      maximumTokens = max(1, min(room, limits.cacheTokens - request.prompt.count + 1))
    }
    try schedulerLimits.check(
      Scheduler.Request(
        id: RequestID(0), promptCount: request.prompt.count, maximumTokens: maximumTokens,
        scored: request.scoring?.positions ?? 0..<0))
    return maximumTokens
  }
}
