import NeedletailRuntime
import Testing

@Suite(.serialized) struct SchedulerSpeedTests {
  /// The host schedules the next step while the device works on one of some milliseconds: 1,024 decoding requests may
  /// cost 0.2 ms. The best of many steps counts, since other tests share the processor.
  @Test func schedulesAThousandRequestsInTime() throws {
    var scheduler = Scheduler(
      Scheduler.Limits(
        tokensPerStep: 8192, maximumSequences: 1024, maximumScoredRows: 1024, maximumSequenceLength: 4096,
        blockSize: 64, blockCount: 16_384))
    for id in 1...1024 {
      try scheduler.enqueue(
        Scheduler.Request(id: RequestID(UInt64(id)), promptCount: 4, maximumTokens: 600),
        Scheduler.Text([1, 2, 3, Int32(id)]))
    }
    var best = Duration.seconds(1)
    let drawn = [Int32](repeating: 7, count: 1024)
    let outcomes = [Step.Outcome](repeating: .accepted(1), count: 1024)
    for _ in 0..<500 {
      let start = ContinuousClock.now
      let next = scheduler.next()
      let step = try #require(next)
      scheduler.complete(step, outcomes, drawn: drawn)
      best = min(best, ContinuousClock.now - start)
      #expect(step.chunks.count == 1024)
    }
    print("scheduling 1,024 decoding requests: \(best)")
    #if !DEBUG
      #expect(best < .microseconds(200))
    #endif
  }
}
