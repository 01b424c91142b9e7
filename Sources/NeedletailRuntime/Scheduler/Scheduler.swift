import DequeModule

/// Decides what the next step computes: which positions of which requests.
///
///     var scheduler = Scheduler(limits)
///     try scheduler.enqueue(
///       Scheduler.Request(id: RequestID(1), promptCount: 3, maximumTokens: 20), Scheduler.Text([1, 2, 3]))
///     while let step = scheduler.next() {
///       // run it, which draws a token for each row …
///       scheduler.complete(step, step.chunks.map { $0.sampled.isEmpty ? .advanced : .accepted(1) }, drawn: tokens)
///     }
///
/// A pure value: no clock, no device, no lock. Requests that decode come first, then prompts in chunks fill what is left of
/// the step, first come first served within a priority. What of a prompt the cache holds already is not computed again.
/// When the cache is full, the least urgent request gives its blocks back and goes on later exactly where it was
/// (`CapacityPolicy.maxUtilization`), or none is admitted that might come to that (`.guaranteedNoEvict`). With
/// `Limits.stepsInFlight` 2, a step is scheduled while the one before runs: a token that is not known yet is
/// `Chunk.carriedRow`.
///
/// `next` and `complete` take time linear in the running requests, and in the prompts of those that are admitted.
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
    /// Positions that the cache held when it was admitted.
    var reusedCount = 0

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
    /// Its tokens; those that were on the device only are drawn again.
    var text: Text
    var scoredEnd: Int

    var tokenCount: Int { text.tokens.count }

    /// Most blocks that it need not compute: its last token is computed in any case, since a token is drawn from it, and
    /// so are positions whose logits are wanted.
    func reusableBlocks(ofSize blockSize: Int) -> Int {
      let end = scoredEnd < request.scored.upperBound ? min(scoredEnd, tokenCount - 1) : tokenCount - 1
      return end / blockSize
    }

  }

  /// The order in which requests get what there is: lower priorities first, then in order of arrival.
  struct Urgency: Sendable, Hashable, Comparable {
    var priority: Int
    var id: RequestID

    static func < (left: Urgency, right: Urgency) -> Bool {
      left.priority < right.priority || (left.priority == right.priority && left.id < right.id)
    }
  }

  /// Why the first waiting request was not admitted: it will not be before one of these changes.
  struct Shortage: Sendable {
    var id: RequestID
    var availableBlocks: Int
    var runningCount: Int
    var additionCount: UInt64
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

  /// In order of urgency.
  var waiting: Deque<Waiting> = []
  var places: [RequestID: Place] = [:]
  var sequences: [Sequence?]
  /// The tokens of each slot's request, apart from the sequences so that those are copied cheaply.
  var texts: [Text]
  var freeSlots: [Int]
  /// Slots of those that run, in order of urgency.
  var order: [Int] = []
  var shortage: Shortage?
  /// Requests that had to give their blocks back, counted each time.
  public internal(set) var preemptionCount = 0
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
    texts = Array(repeating: Text([]), count: limits.maximumSequences)
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

  /// The known tokens of a running request, by `Step.Chunk.slot`: its prompt and its answer so far.
  public func tokens(of slot: Int) -> [Int32] { texts[slot].tokens }

  /// Tokens of a running request, by `Step.Chunk.slot`, that the cache held when it was admitted.
  public func reusedCount(of slot: Int) -> Int { sequences[slot]?.reusedCount ?? 0 }

  /// Requests that wait for room.
  public var waitingCount: Int { waiting.count }
  /// Requests that run.
  public var runningCount: Int { order.count }
  /// Whether there is no request at all.
  public var isIdle: Bool { places.isEmpty }
  /// Steps given out by `next` and not completed.
  public var stepsInFlight: Int { Int(stepCount - completedSteps) }
}
