import ArgumentParser
import Needletail
import NeedletailCPU
import NeedletailCUDA
import NeedletailKernels

/// `needletail build`: writes an engine.
struct BuildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build", abstract: "Write an engine: plan, prepared weights, compiled kernels.",
    discussion: """
      Every command takes an engine as --model and starts by reading its files: nothing is compiled, converted or \
      chosen again. An engine is for one device, one version of this program and the options it was built with; it is \
      refused with a sentence where they differ.
      """)

  @OptionGroup(title: "Model") var model: ModelOptions
  @Option(help: ArgumentHelp("The engine's directory.", valueName: "dir"))
  var output: String
  @Option(help: ArgumentHelp("Build for this GPU, which need not be here: h200, sm_80, ...", valueName: "name"))
  var gpu: String?
  @Flag(help: "Measure the candidates of each product on the GPU at hand and write the best into the engine.")
  var tune = false
  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    var options = try model.loadOptions()
    options.notice = { Terminal.error($0) }
    let start = ContinuousClock.now
    let package = try ModelPackage(try model.directory(), format: options.loadFormat)
    guard package.archive == nil else {
      throw UsageError("\(package.directory.path) is an engine already; give --model the model it was built from")
    }
    var compiled = try CompiledModel(package, on: try device(options), options: options)
    if tune { compiled = try tuned(compiled, options) }
    let bar = ProgressBar("building")
    let bytes = try EngineBuilder(compiled, options: options).build(
      to: output, compileKernels: kernelCompiler(compiled)
    ) { bar.update($0) }
    bar.finish()
    let seconds = (ContinuousClock.now - start).seconds
    if json {
      let object: JSON = [
        "engine": .string(output), "device": .string(compiled.device.summary), "bytes": .int(bytes),
        "weights": .int(compiled.plan.weights.count), "weight_bytes": .int(compiled.plan.weightBytes),
        "kernels": .int(compiled.plan.gpuFunctions.count), "seconds": .double(seconds),
      ]
      Terminal.line(object.text())
    } else {
      Terminal.line(
        "\(output): \(Show.bytes(bytes)) for \(compiled.device.summary), \(compiled.plan.weights.count) weights"
          + (compiled.plan.gpuFunctions.isEmpty ? "" : ", \(compiled.plan.gpuFunctions.count) kernels")
          + ", in \(Show.time(seconds: seconds)) (\(Show.amount(Double(bytes) / seconds, "B/s")))")
    }
  }

  /// The device that is built for.
  private func device(_ options: LoadOptions) throws -> any Device {
    guard let gpu else { return try options.openDevice() }
    guard options.device != .cpu else { throw UsageError("--gpu is for --device cuda, not cpu") }
    return PlannedGPU(try KnownGPU.argument(gpu), options)
  }

  /// Puts a plan's machine code into a folder; nil for plans that have none.
  private func kernelCompiler(_ compiled: CompiledModel) -> ((String) throws -> Void)? {
    guard let gpu = (compiled.device.catalog as? CUDACatalog)?.gpu else { return nil }
    return { folder in
      let jobs = GPUFunction.needed(by: compiled.plan, on: gpu).map {
        AheadOfTime.Job($0, architecture: gpu.architecture)
      }
      let bar = ProgressBar("compiling")
      let compiler = AheadOfTime(try CUDALibraries.shared.nvrtc.get(), folder: folder)
      _ = try compiler.compile(jobs, threads: CPUDevice.coreCount) { _, count in
        bar.update(Double(count) / Double(max(jobs.count, 1)))
      }
      bar.finish()
    }
  }

  /// The model with the fastest way to compute each of its products, measured.
  private func tuned(_ compiled: CompiledModel, _ options: LoadOptions) throws -> CompiledModel {
    guard let device = compiled.device as? CUDADevice else {
      let reason = gpu == nil ? "the CPU's kernels have nothing to choose" : "--gpu is for one that is not here"
      throw UsageError("--tune measures on a GPU; \(reason)")
    }
    let bar = ProgressBar("tuning")
    let (plan, rows) = try device.tuned(compiled.plan, librariesAllowed: options.allowsLibraries) { bar.update($0) }
    bar.finish()
    var table = TextTable(["product", ">rows", ">before", ">now", "by"])
    for row in rows {
      table.add([
        row.problem.description, "\(row.problem.maximumRows)", Show.time(seconds: row.before),
        Show.time(seconds: row.best), row.name,
      ])
    }
    Terminal.error(table.text)
    return compiled.with(plan: plan)
  }
}
