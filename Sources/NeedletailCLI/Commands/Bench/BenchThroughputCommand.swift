import ArgumentParser
import Needletail

/// `needletail bench throughput`: many requests, as many at a time as the engine takes.
struct BenchThroughputCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "throughput", abstract: "Tokens a second of many requests.",
    discussion: "All requests are there from the start, or --concurrency of them at a time.")

  @OptionGroup var bench: BenchOptions
  @Option(help: "Requests that are open at the same time; by default all.")
  var concurrency: Int?
  @Option(help: "Runs; the median one is reported.")
  var `repeat` = 1

  func run() async throws {
    try bench.check()
    if let concurrency, concurrency < 1 { throw UsageError("--concurrency is \(concurrency); it must be 1 or more") }
    guard `repeat` >= 1 else { throw UsageError("--repeat is \(`repeat`); it must be 1 or more") }
    let length = bench.inputLength + bench.outputLength
    let llm = try await bench.model.load(reusesPrefixes: false) { options in
      if let concurrency { options.limits.maximumSequences = options.limits.maximumSequences ?? concurrency }
      if bench.dataset == nil {
        options.limits.maximumSequenceLength = options.limits.maximumSequenceLength ?? length
      }
    }
    let startup = (ContinuousClock.now - ProcessStart.instant).seconds
    let setting = try BenchSetting(llm, threads: bench.model.threads, startupSeconds: startup)
    let workload = try bench.workload(llm, count: bench.requests)
    let open = concurrency ?? workload.requests.count
    var warmUp = workload
    warmUp.requests = [workload.requests[0]]
    warmUp.requests[0].outputTokens = min(4, warmUp.requests[0].outputTokens)
    _ = try await BenchRun.run(warmUp, concurrency: 1, on: llm)
    var runs: [BenchRun] = []
    for index in 0..<`repeat` {
      let bar = ProgressBar("run \(index + 1) of \(`repeat`)")
      runs.append(try await BenchRun.run(workload, concurrency: open, on: llm, progress: bar))
      bar.finish()
    }
    let result = BenchResult(runs, concurrency: open, setting: setting)
    try bench.report([result], isList: false, title: "throughput") {
      BenchPlot.throughput(runs[runs.count - 1], result)
    }
  }
}
