import Needletail
import NeedletailCheckpoint
import NeedletailTesting
import Testing

/// Checkpoints with experts' matrices stacked, as `transformers` 5 keeps them, beside those with a tensor each.
@Suite struct StackedExpertsTests {
  /// A case whose experts have tensors of their own: what one of them is called, the mixture, and what `transformers` calls
  /// it and its router.
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    var roles = ["gate_proj", "up_proj", "down_proj"]
    var mixture = "mlp"
    var router = "gate"
    var testDescription: String { name }
  }

  private static let cases = [
    Case(name: "qwen3_moe"), Case(name: "qwen2_moe"), Case(name: "deepseek_v3_biased"), Case(name: "glm4_moe"),
    Case(name: "minimax_m2", roles: ["w1", "w3", "w2"], mixture: "block_sparse_moe"),
    Case(name: "phimoe", roles: ["w1", "w3", "w2"], mixture: "block_sparse_moe", router: "router"),
  ]

  @Test(arguments: cases) func areReadAsOthers(_ golden: Case) async throws {
    let source = Golden(name: golden.name).directory
    let file = try SafetensorsFile(source + "/model.safetensors")
    let directory = try TemporaryDirectory()
    try directory.copy("config.json", from: source)
    try write(Self.stacked(file, golden), to: directory("model.safetensors"))
    #expect(try SafetensorsFile(directory("model.safetensors")).tensors.count < file.tensors.count)
    try await compare(directory.path, source)
  }

  /// Granite's are stacked in files, too, under other names.
  @Test func areRenamed() async throws {
    let source = Golden(name: "granitemoe").directory
    let file = try SafetensorsFile(source + "/model.safetensors")
    let directory = try TemporaryDirectory()
    try directory.copy("config.json", from: source)
    let names = [
      ".input_linear.weight": ".experts.gate_up_proj", ".output_linear.weight": ".experts.down_proj",
      ".router.layer.weight": ".router.weight",
    ]
    let tensors = file.tensors.map { tensor in
      let ending = names.first { tensor.name.hasSuffix($0.key) }
      let name = ending.map { tensor.name.dropLast($0.key.count) + $0.value } ?? tensor.name
      return Tensor(name: String(name), dtype: tensor.dtype, shape: tensor.shape, bytes: Array(tensor.bytes))
    }
    try write(tensors, to: directory("model.safetensors"))
    try await compare(directory.path, source)
  }

  /// Stacked matrices of another number of experts are none of the model's.
  @Test func mustBeOfAllExperts() async throws {
    let golden = Case(name: "qwen3_moe")
    let source = Golden(name: golden.name).directory
    let directory = try TemporaryDirectory()
    try directory.copy("config.json", from: source)
    var tensors = Self.stacked(try SafetensorsFile(source + "/model.safetensors"), golden)
    let index = try #require(tensors.firstIndex { $0.name.hasSuffix("experts.gate_up_proj") })
    tensors[index].shape = [tensors[index].shape[0] / 2, tensors[index].shape[1] * 2, tensors[index].shape[2]]
    try write(tensors, to: directory("model.safetensors"))
    await #expect(throws: CheckpointError.self) { try await LLM(directory.path) }
  }

  private struct Tensor {
    var name: String
    var dtype: SafetensorsDType
    var shape: [Int]
    var bytes: [UInt8]
  }

  private func compare(_ one: String, _ other: String) async throws {
    var options = LoadOptions()
    options.limits.maximumSequenceLength = 128
    options.limits.cacheTokens = 512
    let prompt: [Int32] = [3, 14, 15, 92, 65, 35, 8, 9]
    let found = try await LLM(one, options: options)
    let expected = try await LLM(other, options: options)
    #expect(found.parameterCount == expected.parameterCount)
    #expect(try await found.logits(prompt) == (try await expected.logits(prompt)))
  }

  private func write(_ tensors: [Tensor], to path: String) throws {
    var writer = try SafetensorsWriter(path, tensors.map { .init($0.name, $0.dtype, $0.shape) })
    for tensor in tensors { try tensor.bytes.withUnsafeBytes { try writer.write($0, to: tensor.name) } }
    try writer.finish()
  }

  private static func stacked(_ file: SafetensorsFile, _ golden: Case) -> [Tensor] {
    var tensors: [Tensor] = []
    for tensor in file.tensors {
      let whole = Tensor(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, bytes: Array(tensor.bytes))
      guard let place = tensor.name.firstRange(of: ".\(golden.mixture).") else {
        tensors.append(whole)
        continue
      }
      let (before, rest) = (tensor.name[..<place.lowerBound], tensor.name[place.upperBound...])
      guard rest.hasPrefix("experts.") else {
        var other = whole
        other.name = "\(before).mlp." + (rest == "gate.weight" ? "\(golden.router).weight" : rest)
        tensors.append(other)
        continue
      }
      // Once for all experts, at the first one's gate.
      guard rest == "experts.0.\(golden.roles[0]).weight" else { continue }
      func expert(_ number: Int, _ role: Int) -> TensorView? {
        file["\(before).\(golden.mixture).experts.\(number).\(golden.roles[role]).weight"]
      }
      var (gateUp, down, count) = ([UInt8](), [UInt8](), 0)
      while let gate = expert(count, 0), let up = expert(count, 1), let last = expert(count, 2) {
        gateUp += Array(gate.bytes) + Array(up.bytes)
        down += Array(last.bytes)
        count += 1
      }
      let (inner, width) = (tensor.shape[0], tensor.shape[1])
      tensors.append(
        Tensor(
          name: "\(before).mlp.experts.gate_up_proj", dtype: tensor.dtype, shape: [count, 2 * inner, width],
          bytes: gateUp))
      tensors.append(
        Tensor(
          name: "\(before).mlp.experts.down_proj", dtype: tensor.dtype, shape: [count, width, inner], bytes: down))
    }
    return tensors
  }
}
