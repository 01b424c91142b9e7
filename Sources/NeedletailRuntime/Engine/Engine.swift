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
  private let reusesPrefixes: Bool
  private let inbox = Monitor(Inbox())
  private let counters: Monitor<EngineMetrics>

  /// Starts an engine.
  /// - Parameters:
  ///   - executor: runs the steps; the engine's thread is the only one that calls it from now on.
  ///   - tokensPerPrefillChunk: tokens of one prompt in one step; nil: as many as the step has room for.
  ///   - maximumWaitingRequests: requests that may wait beside the most that run at the same time, before more are
  ///     refused; nil: any number.
  ///   - reusesPrefixes: whether requests whose prompts begin with the same tokens share what the cache holds of them.
  ///   - policy: when a waiting request is admitted.
  /// - Throws: `EngineError` when no thread can be started.
  public init(
    executor: any StepExecutor, tokensPerPrefillChunk: Int? = nil, maximumWaitingRequests: Int? = nil,
    reusesPrefixes: Bool = true, policy: CapacityPolicy = .maxUtilization,
    logger: Logger = Logger(label: "needletail.engine")
  ) throws(EngineError) {
    limits = executor.limits
    let (capacity, isUnbounded) = executor.limits.maximumSequences.addingReportingOverflow(
      maximumWaitingRequests ?? .max)
    self.capacity = isUnbounded ? .max : capacity
    self.reusesPrefixes = reusesPrefixes
    let schedulerLimits = Scheduler.Limits(
      executor.limits, tokensPerPrefillChunk: tokensPerPrefillChunk, policy: policy)
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
    try submit([request])[0]
  }

  /// Adds requests together, all of them or none. Those whose prompts begin with the same tokens compute these once, even
  /// where the engine reuses nothing otherwise: so several answers to one prompt cost little more than one
  /// (`GenerationRequest.choices`).
  /// - Throws: `RequestRefusal` when one can never be served, `EngineError` when they cannot be now.
  public func submit(_ requests: [GenerationRequest]) throws -> [RequestStream] {
    let maximumTokens = try requests.map { request throws(RequestRefusal) in try check(request) }
    let streams = requests.map { _ in AsyncThrowingStream<GenerationEvent, any Error>.makeStream() }
    let submitted = ContinuousClock.now
    let firstID = try inbox.change { inbox throws(EngineError) in
      try inbox.checkOpen()
      guard requests.count <= capacity - inbox.openCount else { throw EngineError.queueFull(limit: capacity) }
      inbox.openCount += requests.count
      let firstID = inbox.lastID + 1
      inbox.lastID += UInt64(requests.count)
      for (index, request) in requests.enumerated() {
        let group = requests.count > 1 ? PrefixRoot.group(RequestID(firstID)) : nil
        inbox.submissions.append(
          Inbox.Submission(
            id: RequestID(firstID + UInt64(index)), request: request,
            root: reusesPrefixes ? .shared(salt: request.cacheSalt) : group, maximumTokens: maximumTokens[index],
            seed: request.options.seed ?? .random(in: 0 ... .max), submitted: submitted,
            events: streams[index].continuation))
      }
      return firstID
    }
    counters.withLock { $0.submittedRequests += requests.count }
    return streams.enumerated().map { index, stream in
      let id = RequestID(firstID + UInt64(index))
      // Weak, so that the stream's buffer does not keep the inbox of an engine that is gone.
      stream.continuation.onTermination = { [weak inbox] termination in
        if case .cancelled = termination { inbox?.change { $0.cancellations.append(id) } }
      }
      return RequestStream(id: id, engine: self, events: stream.stream)
    }
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
    if request.scoring?.output == .hidden, limits.hiddenSize == nil {
      throw RequestRefusal("The model was not loaded for hidden rows, which embeddings are made of.")
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
