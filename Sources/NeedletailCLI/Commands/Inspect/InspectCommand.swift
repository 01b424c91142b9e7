import ArgumentParser
import Needletail
import NeedletailKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// `needletail inspect`: how a model is compiled and what its steps cost.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show how a model is compiled: graphs, launches, memory, floors.",
    discussion: """
      MODEL is a directory, ORG/NAME, or a config.json alone, whose weights are then made up. The floor of a launch is \
      the time in which this machine reads its bytes or computes its operations, whichever takes longer, measured in \
      the same run.
      """)

  @Argument(help: "The model; the demo by default.")
  var modelPath: String?
  @OptionGroup(title: "Model") var model: ModelOptions
  @Option(
    help: ArgumentHelp(
      "Compile for this GPU, which need not be here: \(KnownGPU.all.map(\.traits.architecture).joined(separator: ", ")), or h200, ...",
      valueName: "gpu"))
  var gpu: String?
  @Option(help: "Sequences of the decode step.")
  var batch = 1
  @Option(help: "Tokens that each of them has.")
  var context = 512
  @Option(help: "Tokens of the prefill step.")
  var prefill = 512
  @Option(
    help: ArgumentHelp("Print only the graph after this pass; model is the graph as recorded.", valueName: "pass"))
  var graph: String?
  @Flag(inversion: .prefixedNo, help: "Print the graph after each pass.")
  var graphs = true
  @Flag(help: "Leave nothing out: every layer, launch and value.")
  var all = false
  @Flag(help: "Run the steps and show the time of each launch.")
  var measure = false
  @Flag(help: "Print one JSON object.")
  var json = false
  @Option(help: ArgumentHelp("Draw it all as one self-contained page.", valueName: "file"))
  var html: String?

  func run() throws {
    for (name, value) in [("--batch", batch), ("--context", context), ("--prefill", prefill)] where value < 1 {
      throw UsageError("\(name) is \(value); it must be 1 or more")
    }
    if modelPath != nil, model.model != nil { throw UsageError("give the model once, as MODEL or with --model") }
    var options = try model.loadOptions()
    if (options.limits.maximumSequences ?? 64) < batch { options.limits.maximumSequences = batch }
    var path = try modelPath ?? model.directory()
    let name = path
    let alone = path.hasSuffix(".json") && Files.isFile(path) ? try LoneConfig(path) : nil
    if let alone {
      path = alone.directory
      options.loadFormat = .dummy
    }
    defer { withExtendedLifetime(alone) {} }
    let package: ModelPackage
    do { package = try ModelPackage(path, format: options.loadFormat) } catch  where alone != nil {
      // The sentence should name the file that was given, not the directory made for it.
      throw UsageError("\(error)".replacing(path + "/config.json", with: name))
    }
    var inspection = try Inspection(
      name: name, package: package, device: try device(options, for: package), options: options, batch: batch,
      context: context,
      prefill: prefill)
    if measure { try inspection.measure(seed: options.dummySeed) }
    if let html {
      try Files.write(InspectionPage.html(inspection.json), to: html)
      Terminal.error("wrote \(html)")
    }
    if json {
      Terminal.line(inspection.json.text())
    } else if html == nil || graph != nil {
      Terminal.write(try inspection.text(showsGraphs: graphs, pass: graph, showsAll: all))
    }
  }
}

extension InspectCommand {
  /// The device to compile for. A GPU that is asked for and cannot be opened is planned for.
  private func device(_ options: LoadOptions, for package: ModelPackage) throws -> any Device {
    if let gpu {
      guard options.device != .cpu else { throw UsageError("--gpu is for --device cuda, not cpu") }
      return PlannedGPU(try KnownGPU.argument(gpu), options)
    }
    let engineGPU = package.archive?.manifest.plannedGPU
    let wantsGPU = options.device == .cuda || engineGPU != nil && options.device == .auto
    do {
      return try options.openDevice(for: package.directory.path)
    } catch let error as LoadError where wantsGPU && !measure {
      guard let known = engineGPU ?? KnownGPU.named("h200") else { throw error }
      Terminal.error("\(error); \(engineGPU == nil ? "compiled" : "shown") for an \(known.name) instead")
      return PlannedGPU(known, options)
    }
  }
}

/// A directory that has nothing but a link to a config.json, removed with this.
private final class LoneConfig {
  let directory: String

  init(_ path: String) throws {
    var template = Array("/tmp/needletail-config-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil, let target = realpath(path, nil) else {
      throw RunningError("a directory for '\(path)' could not be made")
    }
    defer { free(target) }
    directory = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    guard symlink(target, directory + "/config.json") == 0 else {
      throw RunningError("a link to '\(path)' could not be made")
    }
  }

  deinit {
    unlink(directory + "/config.json")
    rmdir(directory)
  }
}
