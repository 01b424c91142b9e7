import ArgumentParser
import Needletail

/// `needletail bench`: how fast a model runs.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure latency, throughput, or the kernels of a step.",
    subcommands: [BenchLatencyCommand.self, BenchThroughputCommand.self, BenchKernelCommand.self])
}

/// What both measurements have in common.
struct BenchOptions: ParsableArguments {
  @OptionGroup(title: "Model") var model: ModelOptions
  @Option(help: "Tokens of a prompt.")
  var inputLength = 128
  @Option(help: "Tokens of an answer.")
  var outputLength = 128
  @Option(help: "Requests of a run.")
  var requests: Int?
  @Option(help: ArgumentHelp("Prompts of trtllm-bench (JSONL) or ShareGPT (JSON).", valueName: "file"))
  var dataset: String?
  @Option(help: "Seed of the made-up prompts.")
  var seed: UInt64 = 0
  @Option(help: ArgumentHelp("Write the result as JSON; - is standard output.", valueName: "file"))
  var json: String?
  @Option(help: ArgumentHelp("Draw the result.", valueName: "file"))
  var plot: String?

  func check() throws {
    let values = [("--input-length", inputLength), ("--output-length", outputLength), ("--requests", requests ?? 1)]
    for (name, value) in values where value < 1 { throw UsageError("\(name) is \(value); it must be 1 or more") }
  }

  /// Writes what was asked for, and the table unless JSON takes its place on standard output.
  func report(_ results: [BenchResult], isList: Bool, title: String, plot drawing: () -> String) throws {
    if json != "-" { Terminal.line(BenchResult.table(results)) }
    if let json {
      let value = isList ? JSON.array(results.map(\.json)) : results.first?.json ?? .null
      try Files.write(value.text(.init(indent: 2)) + "\n", to: json)
    }
    if let plot { try Files.write(drawing(), to: plot) }
  }
}
