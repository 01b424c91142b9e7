/// What tasks have left for the engine's thread.
struct Inbox: Sendable {
  /// A request on its way to the thread.
  struct Submission: Sendable {
    let id: RequestID
    let request: GenerationRequest
    /// With whom it shares what its prompt begins with; nil: with nobody.
    let root: PrefixRoot?
    /// Of `request.options`, within what the sequence may hold.
    let maximumTokens: Int
    let seed: UInt64
    let submitted: ContinuousClock.Instant
    let events: AsyncThrowingStream<GenerationEvent, any Error>.Continuation
  }

  enum Lifecycle: Sendable {
    case open
    /// No more requests are taken; those there are finish.
    case draining
    /// Everything ends at once.
    case stopping
    /// The thread has ended.
    case closed(EngineError)
  }

  var lifecycle = Lifecycle.open
  var lastID: UInt64 = 0
  var submissions: [Submission] = []
  var cancellations: [RequestID] = []
  /// Requests submitted that had not ended after the latest step.
  var openCount = 0
  /// Tasks that wait for the thread to end.
  var closeWaiters: [CheckedContinuation<Void, Never>] = []

  /// Whether the thread has something to look at.
  var hasMail: Bool {
    if case .open = lifecycle { return !submissions.isEmpty || !cancellations.isEmpty }
    return true
  }

  /// Throws unless requests are taken.
  func checkOpen() throws(EngineError) {
    switch lifecycle {
    case .open: return
    case .draining, .stopping: throw EngineError.shutDown
    case .closed(let error): throw error
    }
  }
}
