import Needletail
import NeedletailCUDA
import NeedletailKernels
import NeedletailTesting

/// A model on a GPU that a check opens by itself: with other libraries, another cache of kernels, other options.
struct SmallModel: Sendable {
  /// What came of it.
  struct Answer: Sendable {
    var tokens: [Int32]
    /// Files of kernels by where they came from.
    var origins: [CubinCache.Origin: Int]
    var figures: StepFigures
    /// Graphs that there were before the first step.
    var graphsAhead: Int
  }

  static let prompt: [Int32] = [1, 32, 84, 64, 60, 17, 52, 35]

  let directory: String
  var dtype = DType.bfloat16

  /// A model of few kernels, for checks that compile them again and again.
  static func quick(_ goldens: String) -> SmallModel { SmallModel(directory: goldens + "/llama3_gqa", dtype: .float32) }

  /// Sizes that take little memory.
  var options: LoadOptions {
    var options = LoadOptions()
    options.device = .cuda
    options.dtype = dtype
    options.limits.maximumSequenceLength = 128
    options.limits.cacheTokens = 1024
    options.limits.maximumSequences = 8
    return options
  }

  /// The plan for a device.
  func compiled(_ device: any Device) throws -> CompiledModel {
    try CompiledModel(try ModelPackage(directory), on: device, options: options)
  }

  /// Its answer on a GPU of its own making.
  func answer(
    _ options: CUDADevice.Options = .init(), libraries: CUDALibraries = .shared, cache: CubinCache = CubinCache()
  ) throws -> Answer {
    let executor = try compiled(try CUDADevice(options, libraries: libraries, cache: cache)).executor()
    guard let loaded = executor.loaded as? CUDAPlan else { throw CheckFailure(description: "it is not on the GPU") }
    let graphs = loaded.stepFigures.graphs
    let engine = try Engine(executor: executor)
    let tokens = try blocking { try await Self.greedy(engine) }
    return Answer(tokens: tokens, origins: loaded.times.origins, figures: loaded.stepFigures, graphsAhead: graphs)
  }

  private static func greedy(_ engine: Engine) async throws -> [Int32] {
    var options = SamplingOptions.greedy
    options.maximumTokens = 24
    options.ignoresEndOfSequence = true
    var tokens: [Int32] = []
    for try await event in try engine.submit(GenerationRequest(prompt: prompt, options: options)) {
      if case .token(let token) = event { tokens.append(token.id) }
    }
    await engine.shutdown()
    return tokens
  }
}
