import NeedletailGraph
import NeedletailKernels
import Testing

@testable import Needletail

/// What `Plan.validate` accepts and what it says of the rest.
@Suite struct PlanValidationTests {
  private static let package = Result { try ModelPackage(Place.demo) }

  @Test(arguments: ["sm_80", "sm_89", "sm_90a", "sm_100a"], [DType.bfloat16, .float16, .float32])
  func acceptsWhatTheCompilerMakes(_ gpu: String, _ dtype: DType) throws {
    let known = try #require(KnownGPU.named(gpu))
    for (isDeterministic, allowsLibraries) in [(false, true), (true, false)] {
      var options = LoadOptions()
      (options.dtype, options.isDeterministic, options.allowsLibraries) = (dtype, isDeterministic, allowsLibraries)
      try CompiledModel(try Self.package.get(), on: PlannedGPU(known, options), options: options).plan.validate()
    }
  }

  @Test(arguments: Golden.fixed) func acceptsSmallModels(_ golden: Golden) throws {
    let package = try ModelPackage(golden.directory)
    try CompiledModel(package, options: DemoEngine.options).plan.validate()
    let gpu = try #require(KnownGPU.named("h200"))
    try CompiledModel(package, on: PlannedGPU(gpu, LoadOptions()), options: LoadOptions()).plan.validate()
  }

  @Test(arguments: StandardModel.all.map(\.name)) func acceptsPublishedModels(_ name: String) throws {
    let model = try #require(StandardModel.all.first { $0.name == name })
    let directory = try TemporaryDirectory()
    try directory.write("config.json", model.config)
    var options = LoadOptions()
    options.loadFormat = .dummy
    let package = try ModelPackage(directory.path, format: .dummy)
    // One with memory for all of them.
    var gpu = try #require(KnownGPU.named("h200"))
    gpu.memoryBytes *= 8
    let plan = try CompiledModel(package, on: PlannedGPU(gpu, options), options: options).plan
    try plan.validate()
    #expect(try JSON(encoding: plan).decoded(as: Plan.self) == plan)
  }

  private func refusal(gpu: String? = nil, _ change: (inout Plan) -> Void) throws -> String {
    var plan: Plan
    if let gpu {
      let known = try #require(KnownGPU.named(gpu))
      plan = try CompiledModel(try Self.package.get(), on: PlannedGPU(known, LoadOptions()), options: LoadOptions())
        .plan
    } else {
      plan = try CompiledModel(try Self.package.get(), options: DemoEngine.options).plan
    }
    change(&plan)
    do { try plan.validate() } catch { return error.description }
    return "valid"
  }

  @Test func refusesSizes() throws {
    #expect(try refusal { $0.limits.tokens = 0 } == "0 tokens of a step")
    #expect(try refusal { $0.limits.blockSize = -1 } == "-1 tokens of a block")
    #expect(try refusal { $0.limits.sequences = 1 << 40 }.contains("sequences of a step"))
    #expect(try refusal { $0.variants = [] }.contains("do not cover steps of up to 64 tokens"))
    #expect(try refusal { $0.weights[0].byteCount = 16 }.contains("weight 0 has 16 bytes for"))
    #expect(try refusal { $0.weights[0].weight.parts = [] }.contains("weight 0 has no parts"))
    #expect(try refusal { $0.caches[0].keyDim = 0 } == "the cache of layer 0 has no sizes")
    #expect(try refusal { $0.outputs[0].type.shape = [.tokens, .tokens] }.contains("two dimensions of unknown size"))
    #expect(try refusal { $0.variants[0].activationBytes = -1 }.contains("variant 0 has -1 bytes"))
  }

  @Test func refusesPlacesOutside() throws {
    func reference(_ buffer: Buffer, _ offset: Int) throws -> String {
      try refusal {
        $0.variants[0].launches[0].arguments.patches[0].value = .address(BufferReference(buffer, offset: offset))
      }
    }
    #expect(try reference(.activations, 0) == "valid")
    #expect(try reference(.activations, -64).contains("lies outside of"))
    #expect(try reference(.activations, 1 << 40).contains("lies outside of"))
    #expect(try reference(.weight(999), 0).contains("there is no weight 999"))
    #expect(try reference(.cache(layer: -1), 0).contains("there is no cache -1"))
    #expect(try reference(.value(3), 0).contains("there is no %3"))
    #expect(try reference(.counters, 0).contains("there is no counters"))
    #expect(try reference(.output("nothing"), 0).contains("there is no output nothing"))
    for offset in [-8, 4, 4000, Int.min] {
      #expect(
        try refusal { $0.variants[0].launches[0].arguments.patches[0].offset = offset }.contains("a field at \(offset)")
      )
    }
  }

  @Test func refusesLaunchesThatNoGPUTakes() throws {
    func change(_ change: (inout GPULaunch) -> Void) throws -> String {
      try refusal(gpu: "h200") { plan in
        let variant = plan.variants.count - 1
        for index in plan.variants[variant].launches.indices {
          guard var gpu = plan.variants[variant].launches[index].gpu, !gpu.tensorMaps.isEmpty else { continue }
          change(&gpu)
          plan.variants[variant].launches[index].gpu = gpu
          return
        }
      }
    }
    #expect(try change { _ in } == "valid")
    #expect(try change { $0.threads = 2048 }.contains("no shape of a launch"))
    #expect(try change { $0.grid = [] }.contains("no shape of a launch"))
    #expect(try change { $0.grid = [GridExtent(.tokens, per: 0)] }.contains("a grid divided by 0"))
    #expect(try change { $0.grid = [GridExtent(.tokens, times: .max)] }.contains("blocks of"))
    #expect(try change { $0.tensorMaps[0].strides = [8] }.contains("a tensor map that no copy engine takes"))
    #expect(try change { $0.tensorMaps[0].dimensions[1] = Int(Int32.max) }.contains("leaves its buffer"))
    #expect(
      try refusal(gpu: "h200") { $0.variants[0].launches[0].gpu = nil }.contains("nothing runs it on a GPU"))
  }
}
