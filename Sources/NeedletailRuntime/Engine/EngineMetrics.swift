/// Counters of an engine since it started, and what it holds now: a value taken between two steps.
public struct EngineMetrics: Sendable, Hashable {
  /// Steps done.
  public var steps = 0
  /// Time the device and the host took for them, without waiting for requests.
  public var stepTime = Duration.zero
  /// Tokens that went through the model, prompts and outputs.
  public var processedTokens = 0
  /// Tokens generated.
  public var generatedTokens = 0
  /// Requests submitted.
  public var submittedRequests = 0
  /// Requests that ended by themselves.
  public var finishedRequests = 0
  /// Requests that were cancelled.
  public var cancelledRequests = 0
  /// Requests that ended with an error.
  public var failedRequests = 0
  /// Times a request gave its blocks back because the cache was full.
  public var preemptions = 0
  /// Tokens of the prompts of requests that have started.
  public var promptTokens = 0
  /// Those of them that were in the cache already.
  public var cachedPromptTokens = 0
  /// Requests waiting for room.
  public var waitingRequests = 0
  /// Requests running.
  public var runningRequests = 0
  /// Blocks of the cache in use.
  public var usedBlocks = 0
  /// Blocks of the cache that nobody uses and that hold what later requests may begin with.
  public var idleBlocks = 0
  /// Blocks of the cache.
  public var blockCount = 0
  /// Sum over requests of the time from submission to the first step, and their number.
  public var queueTime = Total()
  /// Sum over requests of the time from submission to the first token, and their number.
  public var timeToFirstToken = Total()

  /// A sum of durations and how many there were.
  public struct Total: Sendable, Hashable {
    /// Sum.
    public var sum = Duration.zero
    /// Number of durations.
    public var count = 0

    /// Their mean; nil when there were none.
    public var mean: Duration? { count == 0 ? nil : sum / count }

    mutating func add(_ duration: Duration) {
      sum += duration
      count += 1
    }
  }
}

extension EngineMetrics {
  /// Adds the counters of `other`; what is held at the moment stays.
  mutating func add(_ other: EngineMetrics) {
    steps += other.steps
    stepTime += other.stepTime
    processedTokens += other.processedTokens
    generatedTokens += other.generatedTokens
    finishedRequests += other.finishedRequests
    cancelledRequests += other.cancelledRequests
    failedRequests += other.failedRequests
    promptTokens += other.promptTokens
    cachedPromptTokens += other.cachedPromptTokens
    queueTime.sum += other.queueTime.sum
    queueTime.count += other.queueTime.count
    timeToFirstToken.sum += other.timeToFirstToken.sum
    timeToFirstToken.count += other.timeToFirstToken.count
  }
}
