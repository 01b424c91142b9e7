import ArgumentParser
import Needletail
import NeedletailKernels

/// `needletail bench kernel`: every kernel of a step, by itself.
struct BenchKernelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernel", abstract: "Times of the kernels of a step, beside their floors.",
    discussion: """
      A decode step and a prefill step. Each kernel is timed by itself: on a GPU by replays of a graph that goes through \
      the layers, so that each launch reads other weights; the step as the engine runs it, as one graph. The floor is the \
      time in which the device reads a kernel's bytes or computes its operations, measured in the same run.
      """)

  @OptionGroup(title: "Model") var model: ModelOptions
  @Option(help: "Sequences of the decode step.")
  var batch = 1
  @Option(help: "Tokens that each of them has.")
  var context = 512
  @Option(help: "Tokens of the prefill step; 0: none.")
  var prefill = 512
  @Option(help: "Times that each kernel is measured.")
  var `repeat` = 9
  @Option(help: ArgumentHelp("Write the result as JSON; - is standard output.", valueName: "file"))
  var json: String?
  @Option(help: ArgumentHelp("Draw the result.", valueName: "file"))
  var plot: String?

  func run() throws {
    for (name, value) in [("--batch", batch), ("--context", context), ("--repeat", `repeat`)] where value < 1 {
      throw UsageError("\(name) is \(value); it must be 1 or more")
    }
    guard prefill >= 0 else { throw UsageError("--prefill is \(prefill); it must be 0 or more") }
    var options = try model.loadOptions()
    if (options.limits.maximumSequences ?? 64) < batch { options.limits.maximumSequences = batch }
    let path = try model.directory()
    let package = try ModelPackage(path, format: options.loadFormat)
    var inspection = try Inspection(
      name: path, package: package, device: try options.openDevice(for: path), options: options, batch: batch,
      context: context, prefill: max(prefill, 1))
    if prefill == 0 { inspection.phases.removeAll { $0.name == "prefill" } }
    try inspection.measure(seed: options.dummySeed, repeats: `repeat`)
    let tables = inspection.phases.map { KernelTable($0, inspection) }
    if json != "-" {
      Terminal.line("\(path), \(inspection.compiled.precision.dtype.name), \(inspection.compiled.device.summary)")
      for table in tables { Terminal.line("\n" + table.text) }
    }
    if let json {
      try Files.write(JSON.array(tables.map(\.json)).text(.init(indent: 2)) + "\n", to: json)
    }
    if let plot { try Files.write(KernelPlot.svg(tables), to: plot) }
  }
}
