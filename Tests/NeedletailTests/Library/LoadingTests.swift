import Needletail
import NeedletailCheckpoint
import NeedletailTesting
import Testing

/// What a directory may look like, and what options change.
@Suite struct LoadingTests {
  private static let golden = Golden(name: "rope_dynamic", length: 128)
  private static let prompt: [Int32] = [3, 14, 15, 92, 65, 35, 8, 9]

  @Test func shardsAreOneCheckpoint() async throws {
    let whole = try SafetensorsFile(Self.golden.directory + "/model.safetensors")
    let directory = try TemporaryDirectory()
    try directory.copy("config.json", from: Self.golden.directory)
    var map: [(key: String, value: JSON)] = []
    for part in 0..<3 {
      let file = "model-0000\(part + 1)-of-00003.safetensors"
      let tensors = whole.tensors.enumerated().filter { $0.offset % 3 == part }.map(\.element)
      var writer = try SafetensorsWriter(directory(file), tensors.map { .init($0.name, $0.dtype, $0.shape) })
      for tensor in tensors {
        try writer.write(tensor.bytes, to: tensor.name)
        map.append((tensor.name, .string(file)))
      }
      try writer.finish()
    }
    let index: JSON = ["weight_map": .object(JSONObject(map))]
    try directory.write("model.safetensors.index.json", index.text())
    var options = LoadOptions()
    options.limits.maximumSequenceLength = 128
    options.limits.cacheTokens = 512
    let sharded = try await LLM(directory.path, options: options)
    let single = try await LLM(Self.golden.directory, options: options)
    #expect(try await sharded.logits(Self.prompt) == (try await single.logits(Self.prompt)))
    #expect(sharded.parameterCount == 26_272 && sharded.dtype == .bfloat16)
  }

  @Test func dummyWeightsAreSeeded() async throws {
    let directory = try TemporaryDirectory()
    try directory.copy("config.json", from: Self.golden.directory)
    var logits: [[Float]] = []
    for seed in [1, 1, 2] as [UInt64] {
      var options = LoadOptions()
      options.loadFormat = .dummy
      options.dummySeed = seed
      options.limits.cacheTokens = 512
      logits.append(try await LLM(directory.path, options: options).logits(Self.prompt))
    }
    #expect(logits[0] == logits[1] && logits[0] != logits[2])
    #expect(logits[0].allSatisfy(\.isFinite) && Set(logits[0]).count > 50)
  }

  /// Dummy weights are ordinary numbers, whatever a config says of the real ones.
  @Test(arguments: [(true, 1), (false, 0)]) func dummyWeightsAreNotQuantized(_ says: Bool, _ count: Int) async throws {
    let directory = try TemporaryDirectory()
    var config = try #require(try JSON.parse(Place.bytes(Self.golden.directory + "/config.json")).object)
    let quantization: JSON = says ? ["quant_method": "fp8"] : .null
    config["quantization_config"] = quantization
    try directory.write("config.json", JSON.object(config).text())
    let (notes, report) = AsyncStream<String>.makeStream()
    var options = LoadOptions()
    options.loadFormat = .dummy
    options.limits.cacheTokens = 512
    options.notice = { report.yield($0) }
    _ = try await LLM(directory.path, options: options)
    report.finish()
    var said: [String] = []
    for await note in notes where note.contains("quantized by fp8; dummy weights are not") { said.append(note) }
    #expect(said.count == count)
  }

  @Test func theCacheMayBeStoredInAnotherType() async throws {
    let exact = try await Self.golden.load(.float32).logits(Self.prompt)
    for (dtype, range) in [(DType.bfloat16, 1e-5..<3e-2), (.float16, 1e-6..<4e-3)] {
      let logits = try await Self.golden.load(.float32) { $0.cacheDType = dtype }.logits(Self.prompt)
      #expect(
        range.contains(GoldenRules.relativeError(logits, exact)),
        "\(dtype.name): \(GoldenRules.relativeError(logits, exact))")
    }
  }

  @Test func defaultsOfTheModel() async throws {
    let directory = try BadDirectory("sampling") {
      try $0.write(
        "generation_config.json",
        #"{"do_sample": true, "temperature": 0.5, "top_k": 7, "top_p": 0.9, "max_new_tokens": 3, "eos_token_id": [2, 9]}"#
      )
    }.make()
    var options = LoadOptions()
    options.limits.cacheTokens = 512
    let llm = try await LLM(directory.path, options: options)
    #expect(llm.defaultOptions.temperature == 0.5 && llm.defaultOptions.topK == 7 && llm.defaultOptions.topP == 0.9)
    #expect(llm.endTokens == [2, 9])
    let generation = try await llm.generate(Self.prompt)
    #expect(generation.tokens.count <= 3)
    #expect(try await llm.generate(Self.prompt, options: Demo.options(5)).tokens.count == 5)
  }

  @Test func progressReachesTheEnd() async throws {
    let (shares, report) = AsyncStream<Double>.makeStream()
    _ = try await Self.golden.load(.float32) { $0.progress = { report.yield($0) } }
    report.finish()
    var seen: [Double] = []
    for await share in shares { seen.append(share) }
    #expect(seen.max() == 1 && seen.allSatisfy { 0...1 ~= $0 })
  }
}
