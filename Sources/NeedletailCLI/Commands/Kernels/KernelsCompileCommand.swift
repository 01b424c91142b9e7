import ArgumentParser
import Needletail
import NeedletailCPU
import NeedletailCUDA
import NeedletailKernels

/// `needletail kernels compile`: compiles kernels ahead, for machines that have a driver and no compiler.
struct KernelsCompileCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compile", abstract: "Compile kernels into a folder; needs NVRTC, but no GPU.",
    discussion: """
      A folder "needletail-kernels" beside the program is where kernels are looked for first: a machine that has it \
      needs nothing but NVIDIA's driver. Without --model the kernels of common Llama and Mistral models are compiled, \
      for the sizes an engine chooses by itself; options that change them (--max-batch-size, --dtype, ...) are to be \
      given here as later to run.
      """)

  @Option(
    help: ArgumentHelp(
      "Architectures, with commas between: \(KnownGPU.all.map(\.traits.architecture).joined(separator: ", ")).",
      valueName: "list"))
  var arch: String
  @Option(help: ArgumentHelp("The folder; it is made, and kernels in it that are whole are kept.", valueName: "dir"))
  var output: String
  @Option(help: "Kernels compiled at the same time; by default one for each core.")
  var jobs: Int?
  @OptionGroup(title: "Model") var model: ModelOptions
  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    if let jobs, jobs < 1 { throw UsageError("--jobs is \(jobs); it must be 1 or more") }
    let gpus = try arch.split(separator: ",", omittingEmptySubsequences: false).map { name -> KnownGPU in
      let gpu = KnownGPU.all.first { $0.traits.architecture == name }
      guard let gpu else {
        let names = KnownGPU.all.map(\.traits.architecture).joined(separator: ", ")
        throw UsageError("--arch \(name) is not known; known are \(names)")
      }
      return gpu
    }
    let options = try model.loadOptions()
    let packages = try packages(options)
    let nvrtc = try compiler()
    let bar = ProgressBar("compiling")
    defer { bar.finish() }
    var work: [AheadOfTime.Job] = []
    var skipped: [String] = []
    for gpu in gpus {
      for (name, package) in packages {
        do {
          work += try functions(of: package, on: gpu, options).map {
            AheadOfTime.Job($0, architecture: gpu.traits.architecture)
          }
        } catch let error as LoadError where model.model == nil {
          // Not every model fits every GPU.
          skipped.append("\(name) on \(gpu.name): \(error)")
        }
      }
    }
    let total = Double(max(Set(work).count, 1))
    let made = try AheadOfTime(nvrtc, folder: output).compile(work, threads: jobs ?? CPUDevice.coreCount) {
      made, count in
      bar.update(Double(count) / total, "\(made.job.function.source) for \(made.job.architecture)")
    }
    bar.finish()
    report(made, gpus, models: packages.map(\.name), skipped)
  }

  /// The models whose kernels are wanted.
  private func packages(_ options: LoadOptions) throws -> [(name: String, package: ModelPackage)] {
    if let path = model.model {
      // Weights, where they are there, say how they are stored; a config.json is enough.
      if let package = try? ModelPackage(path, format: options.loadFormat) { return [(path, package)] }
      return [(path, try ModelPackage(path, format: .dummy))]
    }
    return try StandardModel.all.map { standard in
      let folder = try TemporaryConfig(standard.config)
      defer { withExtendedLifetime(folder) {} }
      return (standard.name, try ModelPackage(folder.directory, format: .dummy))
    }
  }

  /// All kernels that a model may need on a GPU: with and without cuBLASLt, which the other machine may lack, unless it is
  /// said which.
  private func functions(
    of package: ModelPackage, on gpu: KnownGPU, _ options: LoadOptions
  ) throws -> [GPUFunction] {
    var functions: [GPUFunction] = []
    for allowsLibraries in options.allowsLibraries ? [true, false] : [false] {
      var options = options
      options.device = .cuda
      options.allowsLibraries = allowsLibraries
      let compiled = try CompiledModel(package, on: PlannedGPU(gpu, options), options: options)
      functions += GPUFunction.needed(by: compiled.plan, on: gpu.traits)
    }
    return functions
  }

  private func compiler() throws -> NVRTC {
    do { return try CUDALibraries.shared.nvrtc.get() } catch {
      throw UsageError("there is nothing to compile with: \(error)")
    }
  }

  private func report(_ made: [AheadOfTime.Made], _ gpus: [KnownGPU], models: [String], _ skipped: [String]) {
    let perGPU = gpus.map { gpu in
      (gpu.traits.architecture, made.filter { $0.job.architecture == gpu.traits.architecture })
    }
    guard !json else {
      let architectures = JSONObject(
        perGPU.map { architecture, made in
          (
            architecture,
            [
              "kernels": .int(made.count), "compiled": .int(made.count { $0.seconds != nil }),
              "bytes": .int(made.reduce(0) { $0 + $1.byteCount }),
              "compiler_s": .double(made.reduce(0) { $0 + ($1.seconds ?? 0) }),
            ] as JSON
          )
        })
      let object: JSON = [
        "output": .string(output), "architectures": .object(architectures),
        "models": .array(models.map { .string($0) }), "skipped": .array(skipped.map { .string($0) }),
      ]
      return Terminal.line(object.text())
    }
    for sentence in skipped { Terminal.error("left out: \(sentence)") }
    for (architecture, made) in perGPU {
      let bytes = made.reduce(0) { $0 + $1.byteCount }
      let old = made.count { $0.seconds == nil }
      Terminal.line(
        "\(architecture): \(made.count) kernels, \(Show.bytes(bytes)), in \(output)"
          + (old == 0 ? "" : " (\(old) were there)"))
    }
  }
}
