import ArgumentParser
import Needletail

/// `needletail bench latency`: requests that start together, for one batch size after the other.
struct BenchLatencyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "latency", abstract: "Times of requests that start together.",
    discussion: """
      For each batch size of --concurrency: a warm-up, then --repeat runs. Times are percentiles over all requests, \
      rates those of the median run. With several batch sizes the JSON is a list.
      """)

  @OptionGroup var bench: BenchOptions
  @Option(help: ArgumentHelp("Batch sizes, one after the other: 1,8.", valueName: "list"))
  var concurrency = NumberList([1])
  @Option(help: "Runs of each batch size.")
  var `repeat` = 3

  func run() async throws {
    try bench.check()
    let sizes = concurrency.values
    guard !sizes.isEmpty, sizes.allSatisfy({ (1...4096).contains($0) }) else {
      throw UsageError("--concurrency must be batch sizes from 1 to 4096 with commas between them")
    }
    guard `repeat` >= 1 else { throw UsageError("--repeat is \(`repeat`); it must be 1 or more") }
    let largest = sizes.max() ?? 1
    let length = bench.inputLength + bench.outputLength
    let llm = try await bench.model.load(reusesPrefixes: false) { options in
      options.limits.maximumSequences = options.limits.maximumSequences ?? largest
      if bench.dataset == nil {
        options.limits.maximumSequenceLength = options.limits.maximumSequenceLength ?? length
      }
    }
    let startup = (ContinuousClock.now - ProcessStart.instant).seconds
    let setting = try BenchSetting(llm, threads: bench.model.threads, startupSeconds: startup)
    var results: [BenchResult] = []
    for size in sizes {
      let workload = try bench.workload(llm, count: bench.requests ?? size)
      var warmUp = workload
      warmUp.requests = workload.requests.prefix(size).map { request in
        var request = request
        request.outputTokens = min(request.outputTokens, 4)
        return request
      }
      _ = try await BenchRun.run(warmUp, concurrency: size, on: llm)
      var runs: [BenchRun] = []
      for index in 0..<`repeat` {
        let bar = ProgressBar("batch \(size), run \(index + 1) of \(`repeat`)")
        runs.append(try await BenchRun.run(workload, concurrency: size, on: llm, progress: bar))
        bar.finish()
      }
      results.append(BenchResult(runs, concurrency: size, setting: setting))
    }
    try bench.report(results, isList: sizes.count > 1, title: "latency") { BenchPlot.latency(results) }
  }
}

extension BenchOptions {
  /// The requests: from the dataset, or made up.
  func workload(_ llm: LLM, count: Int?) throws -> Workload {
    guard let dataset else {
      return .random(
        count: count ?? 32, inputLength: inputLength, outputLength: outputLength,
        vocabularySize: llm.engine.limits.vocabularySize, seed: seed)
    }
    return try .dataset(
      dataset, bytes: try Files.bytes(dataset), outputLength: outputLength, limit: count, encode: llm.encode)
  }
}
