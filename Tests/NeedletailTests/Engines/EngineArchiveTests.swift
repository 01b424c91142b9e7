import Foundation
import NeedletailCPU
import NeedletailKernels
import NeedletailTesting
import Testing

@testable import Needletail

/// Engines on disk: what they give, and what is refused with which sentence.
@Suite struct EngineArchiveTests {
  private static let prompts: [[Int32]] = [[1, 3201, 844], [1, 454, 2626, 355, 264]]

  private func load(_ path: String, _ change: (inout LoadOptions) -> Void = { _ in }) async throws -> LLM {
    var options = LoadOptions()
    change(&options)
    return try await LLM(path, options: options)
  }

  private func refusal(_ path: String, _ change: (inout LoadOptions) -> Void = { _ in }) async -> String {
    await sentence { _ = try await load(path, change) } ?? "loaded"
  }

  @Test func givesWhatTheModelGives() async throws {
    let model = try await LLM(Place.demo, options: DemoEngine.options)
    let directory = try DemoEngine.make()
    let engine = try await load(directory.path)
    #expect(engine.plan == model.plan)
    for prompt in Self.prompts {
      #expect(try await engine.greedy(prompt, count: 48) == model.greedy(prompt, count: 48))
      #expect(try await engine.logits(prompt) == model.logits(prompt))
    }
    #expect(engine.tokenizer != nil && engine.chatTemplate != nil && engine.endTokens == model.endTokens)
    #expect(engine.parameterCount == model.parameterCount)
  }

  @Test func keepsDummyWeights() async throws {
    let directory = try TemporaryDirectory()
    var options = DemoEngine.options
    (options.loadFormat, options.dummySeed) = (.dummy, 7)
    let compiled = try CompiledModel(try ModelPackage(Place.demo, format: .dummy), options: options)
    try EngineBuilder(compiled, options: options).build(to: directory("engine"))
    let model = try await LLM(Place.demo, options: options)
    let engine = try await load(directory("engine"))
    #expect(try await engine.greedy(Self.prompts[0], count: 16) == model.greedy(Self.prompts[0], count: 16))
    #expect(try EngineArchive(directory("engine")).manifest.options.dummySeed == 7)
  }

  @Test func buildingTwiceGivesTheSameFiles() throws {
    let (one, other) = (try DemoEngine.make(), try DemoEngine.make())
    for name in ["engine.json", "weights.bin", "config.json"] {
      #expect(try Place.bytes(other(name)) == Place.bytes(one(name)))
    }
    // An engine may stand where it is built.
    try DemoEngine.build(other.path)
    #expect(try Place.bytes(other("engine.json")) == Place.bytes(one("engine.json")))
  }

  @Test func optionsOfThePlanMustBeTheEngines() async throws {
    let directory = try DemoEngine.make()
    let path = directory.path
    #expect(await refusal(path) { $0.dtype = .float32 }.contains("was built with --dtype bfloat16, not float32; leave"))
    #expect(await refusal(path) { $0.cacheDType = .float16 }.contains("with --kv-cache-dtype bfloat16, not float16"))
    #expect(await refusal(path) { $0.limits.maximumSequences = 5 }.contains("with --max-batch-size 4, not 5"))
    #expect(await refusal(path) { $0.limits.tokensPerStep = 65 }.contains("with --max-tokens-per-step 64, not 65"))
    #expect(await refusal(path) { $0.limits.blockSize = 64 }.contains("with --block-size 16, not 64"))
    #expect(
      await refusal(path) { $0.limits.maximumSequenceLength = 64 }.contains("with --max-sequence-length 128, not 64"))
    #expect(await refusal(path) { $0.limits.cacheTokens = 64 }.contains("built for requests of 128"))
    #expect(await refusal(path) { $0.loadFormat = .dummy }.contains("is an engine, which has its weights"))
    // What was asked for when it was built may be asked for again.
    let same = try await load(path) {
      ($0.dtype, $0.limits.maximumSequences, $0.isDeterministic) = (.bfloat16, 4, true)
      $0.allowsLibraries = false
    }
    #expect(same.plan.limits.sequences == 4)
  }

  @Test func otherInstructionSetsAndDevicesAreRefused() async throws {
    let directory = try DemoEngine.make()
    if InstructionSet.best != .plain {
      #expect(
        await refusal(directory.path) { $0.instructionSet = .plain }
          .contains("is an engine for \(InstructionSet.best.name), and this is plain; build it again here"))
    }
    let gpu = try #require(KnownGPU.named("h200"))
    let archive = try EngineArchive(directory.path)
    #expect(throws: LoadError("\(archive.path) is an engine for cpu, and the device is cuda")) {
      try archive.check(LoadOptions(), on: PlannedGPU(gpu, LoadOptions()))
    }
  }

  @Test func enginesForGPUsNameTheirs() throws {
    let directory = try TemporaryDirectory()
    let gpu = try #require(KnownGPU.named("h200"))
    let options = LoadOptions()
    let compiled = try CompiledModel(try ModelPackage(Place.demo), on: PlannedGPU(gpu, options), options: options)
    let engine = directory("engine")
    try EngineBuilder(compiled, options: options).build(to: engine)
    #expect(throws: LoadError("\(engine) has no folder of kernels, though it was built for a GPU; build it again")) {
      try EngineArchive(engine)
    }
    try FileManager.default.createDirectory(atPath: engine + "/kernels", withIntermediateDirectories: true)
    let archive = try EngineArchive(engine)
    #expect(archive.manifest.gpu == gpu.traits && archive.manifest.plan == compiled.plan)
    try archive.check(options, on: PlannedGPU(gpu, options))
    var smaller = gpu
    smaller.traits.multiprocessors = 114
    #expect {
      try archive.check(options, on: PlannedGPU(smaller, options))
    } throws: { "\($0)".contains("is an engine for 132 multiprocessors") && "\($0)".contains("has 114 multi") }
    let other = try #require(KnownGPU.named("sm_80"))
    #expect { try archive.check(options, on: PlannedGPU(other, options)) } throws: {
      "\($0)".contains("is an engine for sm_90a, and this is sm_80; build it again here")
    }
    var asked = options
    asked.isDeterministic = true
    #expect { try archive.check(asked, on: PlannedGPU(gpu, options)) } throws: {
      "\($0)".contains("was built with --deterministic off, not on")
    }
    asked = options
    asked.allowsLibraries = false
    #expect { try archive.check(asked, on: PlannedGPU(gpu, options)) } throws: {
      "\($0)".contains("was built with --libraries all, not none")
    }
  }

  @Test func buildingOverAModelIsRefused() throws {
    let directory = try TemporaryDirectory()
    try directory.copy("config.json", from: Place.demo)
    #expect(throws: LoadError("\(directory.path) holds a model; give --output a directory of its own")) {
      try DemoEngine.build(directory.path)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["config.json"])
  }
}
