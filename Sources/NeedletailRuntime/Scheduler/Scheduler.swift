import DequeModule

/// Decides what the next step computes: which positions of which requests.
///
///     var scheduler = Scheduler(limits)
///     try scheduler.enqueue(Scheduler.Request(id: RequestID(1), promptCount: 100, maximumTokens: 20))
///     while let step = scheduler.next() {
///       // run it …
///       scheduler.complete(step, step.chunks.map { $0.sampled.isEmpty ? .advanced : .accepted(1) })
///     }
///
/// A pure value: no clock, no device, no lock, no token. Requests that decode come first, then prompts in chunks fill what
/// is left of the step, first come first served within a priority. A request is admitted when the cache has room for its
/// prompt and all it may generate, so that none meets a full cache later. With `Limits.stepsInFlight` 2, a step is
/// scheduled while the one before runs: a token that is not known yet is `Chunk.carriedRow`.
///
/// `next` and `complete` take time linear in the running requests.
public struct Scheduler: Sendable {
  /// A request that is admitted; its cache table has the number of its slot.
  struct Sequence: Sendable {
    var request: Request
    /// Number of this admission; a step of an earlier one is stale.
    let admission: UInt64
    /// Prompt and output, a token that is still on the device included.
    var tokenCount: Int
    /// Positions that are in the cache, or will be when the steps in flight have run.
    var computed = 0
    /// Step and row that sample the last token; nil when it is known.
    var expected: Expected?
    /// Tokens drawn on the device and not known yet: at most one for each step in flight.
    var unknownCount = 0
    /// Positions of `request.scored` below it have been scored, or are in flight.
    var scoredEnd: Int
    /// Positions of `request.scored` below it have been scored and handed out.
    var deliveredEnd: Int
    /// Tokens proposed after the last one, to be verified in the next step.
    var draftCount = 0

    var generatedCount: Int { tokenCount - request.promptCount }

    var phase: Phase {
      generatedCount > 0 && computed >= tokenCount - 1 ? .decode : .prefill(computed: computed)
    }

    /// Positions to be computed before it can end.
    var target: Int {
      // The last token of all is not fed back.
      request.maximumTokens == 0 || generatedCount < request.maximumTokens ? tokenCount : tokenCount - 1
    }
  }

  struct Expected: Sendable, Hashable {
    var step: UInt64
    var row: Int
    /// Several rows are being verified, so that even the number of tokens is unknown.
    var isDrafted: Bool
  }

  /// A request that waits, and what a preempted one has done before.
  struct Waiting: Sendable {
    var request: Request
    var tokenCount: Int
    var scoredEnd: Int
  }

  enum Place: Sendable {
    case waiting(priority: Int)
    case admitted(slot: Int)
  }

  /// How far a request is.
  public enum Phase: Sendable, Hashable {
    /// It waits for room, for the first time or after a preemption.
    case waiting
    /// This many of its positions are computed or in a step in flight; more of them are known.
    case prefill(computed: Int)
    /// Each step adds to its output.
    case decode
  }

  /// What steps may hold.
  public let limits: Limits
  /// The blocks of the requests that run, by `Step.Chunk.slot`.
  public internal(set) var cache: KVCache

  /// Highest priority first, then in order of arrival.
  var waiting: Deque<Waiting> = []
  var places: [RequestID: Place] = [:]
  var sequences: [Sequence?]
  var freeSlots: [Int]
  /// Slots in order of admission.
  var order: [Int] = []
  var admissionCount: UInt64 = 0
  var stepCount: UInt64 = 0
  var completedSteps: UInt64 = 0

  /// A scheduler without requests.
  public init(_ limits: Limits) {
    limits.checkInvariants()
    self.limits = limits
    cache = KVCache(
      blockCount: limits.blockCount, blockSize: limits.blockSize, maximumSequences: limits.maximumSequences)
    sequences = Array(repeating: nil, count: limits.maximumSequences)
    freeSlots = (0..<limits.maximumSequences).reversed()
  }

  /// How far a request is; nil when it has ended or never was.
  public func phase(of id: RequestID) -> Phase? {
    switch places[id] {
    case nil: nil
    case .waiting: .waiting
    case .admitted(let slot): sequences[slot]?.phase
    }
  }

  /// Requests that wait for room.
  public var waitingCount: Int { waiting.count }
  /// Requests that run.
  public var runningCount: Int { order.count }
  /// Whether there is no request at all.
  public var isIdle: Bool { places.isEmpty }
  /// Steps given out by `next` and not completed.
  public var stepsInFlight: Int { Int(stepCount - completedSteps) }
}
