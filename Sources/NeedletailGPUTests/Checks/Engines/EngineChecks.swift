import Needletail
import NeedletailCUDA
import NeedletailKernels
import NeedletailTesting

/// Engines of models for checks.
enum TestEngine {
  /// Builds an engine for a device, with its compiled kernels where the GPU is here.
  static func build(
    _ package: ModelPackage, on device: any Device, _ options: LoadOptions, to path: String,
    change: (Plan) throws -> Plan = { $0 }
  ) throws {
    let compiled = try CompiledModel(package, on: device, options: options)
    let model = compiled.with(plan: try change(compiled.plan))
    let gpu = (device.catalog as? CUDACatalog)?.gpu
    try EngineBuilder(model, options: options).build(
      to: path,
      compileKernels: gpu.map { gpu in
        { folder in
          guard device is CUDADevice else { return }
          let jobs = GPUFunction.needed(by: model.plan, on: gpu).map {
            AheadOfTime.Job($0, architecture: gpu.architecture)
          }
          _ = try AheadOfTime(try CUDALibraries.shared.nvrtc.get(), folder: folder).compile(jobs, threads: 8)
        }
      })
  }

  /// What loading took, as it is told.
  static func loading(_ llm: LLM) -> String {
    llm.startTimes.parts.first { $0.name == "load" }?.detail ?? "nothing is told of loading"
  }
}

extension GPUCheck {
  /// Engines on disk against models that are compiled when they are loaded.
  static func engines(_ folder: String) -> [GPUCheck] {
    [("llama3_gqa", DType.bfloat16), ("llama_yarn", .float16), ("llama2", .float32), ("needle-5m", .bfloat16)].map {
      name, dtype in
      GPUCheck("engine/\(name)/\(dtype.name)") { _ in
        try blocking { try await compareEngine(SmallModel(directory: folder + "/" + name, dtype: dtype)) }
      }
    } + [
      GPUCheck("engine/2 GiB") { _ in try blocking { try await largeEngine() } }
    ]
  }

  /// The same plan, logits and tokens, from kernels that lie in the engine.
  private static func compareEngine(_ small: SmallModel) async throws -> String {
    let folder = try TemporaryFolder()
    let options = small.options
    let model = try await LLM(small.directory, options: options)
    try TestEngine.build(try ModelPackage(small.directory), on: try options.openDevice(), options, to: folder.path)
    var free = LoadOptions()
    free.limits.cacheTokens = options.limits.cacheTokens
    // Left out, the device and all that the plan depends on are the engine's.
    let engine = try await LLM(folder.path, options: free)
    try expect(engine.plan == model.plan, "the engine has another plan")
    let prompts = [SmallModel.prompt, Array(1...70)]
    let expected = try await Outcome.alone(model, prompts, scores: true)
    try expect(try await Outcome.alone(engine, prompts, scores: true) == expected, "the engine gives other bits")
    let detail = TestEngine.loading(engine)
    try expect(detail.contains("bundled") && !detail.contains("compiled"), "kernels: \(detail)")
    return detail
  }

  /// Weights of a gibibyte and more, streamed from files that are in the page cache.
  private static func largeEngine() async throws -> String {
    let (source, folder) = (try DummyModel.folder(), try TemporaryFolder())
    defer { withExtendedLifetime(source) {} }
    let options = DummyModel.options
    let start = seconds()
    try TestEngine.build(
      try ModelPackage(source.path, format: .dummy), on: try options.openDevice(), options, to: folder.path)
    let built = seconds() - start
    var text = "built in \(time(built))"
    var free = LoadOptions()
    free.gpuMemoryFraction = 0.5
    for _ in 0..<2 {
      let start = seconds()
      let engine = try await LLM(folder.path, options: free)
      _ = try await engine.greedy(DummyModel.prompts[0], count: 1)
      text += "; \(TestEngine.loading(engine)); first token after \(time(seconds() - start))"
    }
    let model = try await DummyModel.load(options)
    let engine = try await LLM(folder.path, options: free)
    let expected = try await Outcome.alone(model, DummyModel.prompts, scores: true)
    try expect(
      try await Outcome.alone(engine, DummyModel.prompts, scores: true) == expected, "the engine gives other bits")
    return text
  }
}
