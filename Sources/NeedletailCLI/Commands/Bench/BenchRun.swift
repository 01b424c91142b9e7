import Needletail
import NeedletailKernels

/// What one run of a workload measured.
struct BenchRun: Sendable {
  /// One request's times, in seconds.
  struct Request: Sendable {
    /// From the start of the run to its submission.
    var start: Double
    /// From its submission to its first token.
    var firstToken: Double
    /// From its submission to its end.
    var total: Double
    var promptTokens: Int
    var outputTokens: Int

    /// Between two tokens, on average; nil for fewer than two.
    var perToken: Double? { outputTokens > 1 ? (total - firstToken) / Double(outputTokens - 1) : nil }
  }

  var requests: [Request]
  /// Seconds from the first submission to the last end.
  var wall: Double
  /// Energy in joules that the processor took; nil where it is not told.
  var joules: Double?

  var outputTokens: Int { requests.reduce(0) { $0 + $1.outputTokens } }
  var promptTokens: Int { requests.reduce(0) { $0 + $1.promptTokens } }
  var outputTokensPerSecond: Double { Double(outputTokens) / wall }

  /// Runs a workload with at most `concurrency` requests open at a time. Tokens are the likeliest ones, end tokens
  /// ordinary ones, so that every answer has its length.
  static func run(
    _ workload: Workload, concurrency: Int, on llm: LLM, progress: ProgressBar? = nil
  ) async throws -> BenchRun {
    let engine = llm.engine
    let energy = EnergyCounter(llm.device)
    let joulesBefore = energy.joules
    let start = ContinuousClock.now
    var results: [Request] = []
    try await withThrowingTaskGroup(of: Request.self) { group in
      var waiting = workload.requests[...]
      var open = 0
      while !waiting.isEmpty || open > 0 {
        while open < concurrency, let request = waiting.popFirst() {
          // Submitted here and not in the task, so that they join in their order.
          let offset = (ContinuousClock.now - start).seconds
          var options = SamplingOptions.greedy
          options.maximumTokens = request.outputTokens
          options.ignoresEndOfSequence = true
          let stream = try engine.submit(GenerationRequest(prompt: request.prompt, options: options))
          group.addTask { try await measure(stream, start: offset) }
          open += 1
        }
        guard let result = try await group.next() else { break }
        results.append(result)
        open -= 1
        progress?.update(Double(results.count) / Double(workload.requests.count))
      }
    }
    let wall = (ContinuousClock.now - start).seconds
    var joules: Double?
    if let joulesBefore, let after = energy.joules, after > joulesBefore { joules = after - joulesBefore }
    return BenchRun(requests: results, wall: wall, joules: joules)
  }

  private static func measure(_ stream: RequestStream, start: Double) async throws -> Request {
    for try await event in stream {
      guard case .finished(let completion) = event else { continue }
      let timings = completion.timings
      return Request(
        start: start, firstToken: (timings.firstToken ?? timings.total).seconds, total: timings.total.seconds,
        promptTokens: completion.promptTokens, outputTokens: completion.completionTokens)
    }
    throw CancellationError()
  }
}

/// The device's own count of the energy it takes: a GPU's as the driver tells it, a processor's (Intel and AMD) where the
/// system lets this process read it.
struct EnergyCounter {
  private static let path = "/sys/class/powercap/intel-rapl:0/energy_uj"
  private let device: (any MeasurableDevice)?

  init(_ device: any Device) { self.device = device as? any MeasurableDevice }

  /// Joules since some time in the past; a processor's starts again from 0 now and then. Nil where nothing is told.
  var joules: Double? { device.map { $0.energyJoules() } ?? Self.read().map { $0 * 1e-6 } }

  private static func read() -> Double? {
    guard Files.isFile(path), let bytes = try? Files.bytes(path, limit: 1 << 20) else { return nil }
    return Double(String(decoding: bytes, as: UTF8.self).filter { $0 != "\n" })
  }
}
