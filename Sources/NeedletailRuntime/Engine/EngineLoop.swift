import DequeModule
import Logging

/// What the engine's thread does: take mail, schedule and submit steps, wait for the oldest, tell about its tokens.
/// Everything here belongs to that thread.
final class EngineLoop {
  /// A step on the device.
  struct SubmittedStep {
    let step: Step
    let pending: any PendingStep
  }

  let executor: any StepExecutor
  let inbox: Monitor<Inbox>
  let counters: Monitor<EngineMetrics>
  let logger: Logger
  var scheduler: Scheduler
  var requests: [RequestID: ActiveRequest] = [:]
  /// What happened since the counters were last written.
  var changes = EngineMetrics()
  private var inFlight: Deque<SubmittedStep> = []

  init(
    executor: any StepExecutor, scheduler: Scheduler, inbox: Monitor<Inbox>, counters: Monitor<EngineMetrics>,
    logger: Logger
  ) {
    self.executor = executor
    self.scheduler = scheduler
    self.inbox = inbox
    self.counters = counters
    self.logger = logger
  }

  /// Runs until the engine is shut down, goes away, or its executor fails.
  func run() {
    logger.debug("engine started", metadata: ["blocks": "\(scheduler.limits.blockCount)"])
    do {
      try runSteps()
      close(EngineError.shutDown)
      logger.debug("engine stopped")
    } catch {
      logger.error("device failed", metadata: ["error": "\(error)"])
      close(EngineError.deviceFailed("\(error)"))
    }
  }

  private func runSteps() throws {
    var mark = ContinuousClock.now
    while true {
      switch takeMail() {
      case .stopping, .closed: return
      case .draining where scheduler.isIdle && inFlight.isEmpty: return
      case .open, .draining: break
      }
      while let step = scheduler.next() { try submit(step) }
      if let oldest = inFlight.popFirst() {
        let result = try oldest.pending.result()
        let now = ContinuousClock.now
        changes.stepTime += now - mark
        mark = now
        try complete(oldest, result, at: now)
        publish()
      } else {
        // Nothing runs and nothing can be scheduled, so nobody may be waiting.
        precondition(scheduler.isIdle, "\(scheduler.waitingCount) requests wait and none can be scheduled")
        publish()
        inbox.wait { $0.hasMail }
        mark = .now
      }
    }
  }

  private func submit(_ step: Step) throws {
    let (batch, sampling) = batch(for: step)
    let now = ContinuousClock.now
    for chunk in step.chunks {
      guard let request = requests[chunk.id], request.started == nil else { continue }
      request.started = now
      request.cachedTokens = scheduler.reusedCount(of: chunk.slot)
      changes.queueTime.add(now - request.submitted)
      changes.promptTokens += request.promptCount
      changes.cachedPromptTokens += request.cachedTokens
    }
    inFlight.append(SubmittedStep(step: step, pending: try executor.submit(batch, sampling)))
  }

  private func takeMail() -> Inbox.Lifecycle {
    let (submissions, cancellations, lifecycle) = inbox.withLock { inbox in
      defer {
        inbox.submissions = []
        inbox.cancellations = []
      }
      return (inbox.submissions, inbox.cancellations, inbox.lifecycle)
    }
    for submission in submissions {
      let request = ActiveRequest(submission)
      do {
        let text = Scheduler.Text(submission.request.prompt, root: submission.root)
        try scheduler.enqueue(request.schedulerRequest(priority: submission.request.priority), text)
        requests[request.id] = request
      } catch {
        end(request, throwing: error)
      }
    }
    for id in cancellations { cancel(id) }
    return lifecycle
  }

  private func cancel(_ id: RequestID) {
    guard let request = requests.removeValue(forKey: id) else { return }
    scheduler.cancel(id)
    changes.cancelledRequests += 1
    do { try request.finish(.cancelled, at: .now) } catch { request.fail(error) }
  }

  /// Takes a request that has failed out of the engine's books; the scheduler learns of it elsewhere.
  func end(_ request: ActiveRequest, throwing error: any Error) {
    requests[request.id] = nil
    changes.failedRequests += 1
    request.fail(error)
  }

  /// Adds what happened to the counters that everyone can read.
  private func publish() {
    let change = changes
    changes = EngineMetrics()
    counters.withLock { metrics in
      metrics.add(change)
      metrics.waitingRequests = scheduler.waitingCount
      metrics.runningRequests = scheduler.runningCount
      metrics.usedBlocks = scheduler.cache.pool.count - scheduler.cache.pool.freeCount
      metrics.idleBlocks = scheduler.cache.pool.idleCount
      metrics.preemptions = scheduler.preemptionCount
    }
    let ended = change.finishedRequests + change.cancelledRequests + change.failedRequests
    if ended > 0 { inbox.withLock { $0.openCount -= ended } }
  }

  /// Ends every request with `error` and says that the thread is done.
  private func close(_ error: EngineError) {
    // A device that failed is not waited for; one that works may still write into what belongs to the steps.
    if error == .shutDown { for submitted in inFlight { _ = try? submitted.pending.result() } }
    inFlight = []
    let (submissions, waiters) = inbox.withLock { inbox in
      defer {
        inbox.lifecycle = .closed(error)
        inbox.submissions = []
        inbox.closeWaiters = []
      }
      return (inbox.submissions, inbox.closeWaiters)
    }
    for request in requests.values {
      scheduler.cancel(request.id)
      end(request, throwing: error)
    }
    for submission in submissions {
      changes.failedRequests += 1
      submission.events.finish(throwing: error)
    }
    publish()
    for waiter in waiters { waiter.resume() }
  }
}
