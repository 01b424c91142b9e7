import Needletail
import NeedletailKernels
import Testing

/// Engines of models whose weights are coded.
@Suite struct CodedEngineTests {
  private func answer(_ model: String, _ options: LoadOptions) async throws -> [Int32] {
    let llm = try await LLM(model, options: options)
    return try await llm.generate(Demo.story, options: Demo.options(12)).tokenIDs
  }

  @Test(arguments: ["int4+embedding", "w8a8", "fp8"]) func answersAsTheModel(_ name: String) async throws {
    var options = LoadOptions()
    options.device = .cpu
    options.limits.maximumSequenceLength = 256
    options.limits.cacheTokens = 1024
    options.quantization = try #require(QuantizationRecipe(named: name))
    let directory = try TemporaryDirectory()
    let compiled = try CompiledModel(try ModelPackage(Place.demo), options: options)
    #expect(!compiled.plan.codings.isEmpty)
    #expect(compiled.plan.modulesNotCoded.isEmpty == (name == "int4+embedding"))
    try EngineBuilder(compiled, options: options).build(to: directory.path)
    let wanted = try await answer(Place.demo, options)
    var plain = options
    plain.quantization = nil
    #expect(try await answer(directory.path, plain) == wanted)
    plain.quantization = QuantizationRecipe(named: "int8")
    let refusal = await sentence { _ = try await LLM(directory.path, options: plain) } ?? "loaded"
    #expect(refusal.contains("was built with --quantize \(name), not int8"))
  }
}
