import NeedletailCPU
import NeedletailCheckpoint
import NeedletailGraph
import NeedletailJSON
import NeedletailModels
import NeedletailRuntime
import Testing

@testable import NeedletailQuantize

/// A small trained model, quantized whole.
struct QuantizerTests {
  static let source = Fixtures.root + "/Demo/needle-5m"

  private func model() throws -> (any LanguageModel, Checkpoint, ModelDirectory) {
    let directory = try ModelDirectory(Self.source)
    let model = try ModelTable.standard.model(for: ConfigJSON(directory.config))
    return (model, try Checkpoint(directory: directory.path), directory)
  }

  private var text: [[Int32]] {
    var numbers = Numbers(1)
    return (0..<3).map { _ in (0..<90).map { _ in Int32(numbers.uniform() * 8000) } }
  }

  @Test func partsOfTheGraphGiveWhatTheWholeGives() throws {
    let (model, checkpoint, _) = try model()
    let graph = try model.trace()
    let sites = ModelSites(graph)
    #expect(sites.sites.count == 4 * 7)
    #expect(sites.groups.count == 4 * 4)
    #expect(sites.groups.allSatisfy { $0.fold != nil })
    #expect(sites.embeddings.map(\.module) == ["model.embed_tokens"])
    let logits = try #require(graph.outputs.first?.value)
    let weights = FloatWeights(checkpoint)
    let device = try CPUDevice(threads: 1)
    let tokens = text[0]
    let inputs = ["tokenIDs": Values([tokens.count], tokens.map(Float.init))]
    let whole = try GraphRunner(graph, on: device, weights: weights, tokens: tokens.count).run(
      inputs, tokens: tokens.count)
    var carried = inputs
    for segment in try GraphSegment.cut(graph, watched: [logits]) {
      let runner = try GraphRunner(segment.graph, on: device, weights: weights, tokens: tokens.count)
      carried.merge(try runner.run(carried, tokens: tokens.count)) { $1 }
    }
    let (a, b) = (try #require(whole["logits"]), try #require(carried[GraphSegment.name(logits)]))
    #expect(a.elements.count == b.elements.count && a.elements.contains { $0 != 0 })
    #expect(zip(a.elements, b.elements).allSatisfy { abs($0 - $1) < 1e-3 })
  }

  @Test func foldedFactorsLeaveTheModelAsItIs() throws {
    let (model, checkpoint, _) = try model()
    let graph = try model.trace()
    let sites = ModelSites(graph)
    let weights = FloatWeights(checkpoint)
    let device = try CPUDevice(threads: 1)
    let tokens = text[1]
    let inputs = ["tokenIDs": Values([tokens.count], tokens.map(Float.init))]
    let before = try GraphRunner(graph, on: device, weights: weights, tokens: tokens.count).run(
      inputs, tokens: tokens.count)
    var numbers = Numbers(4)
    for group in sites.groups {
      guard let fold = group.fold else { continue }
      let shape = try #require(group.sites.first?.shape)
      var scales = (0..<shape[1]).map { _ in 0.5 + numbers.uniform() }
      if case .rows(_, _, let ties?) = fold { scales = ties.mean(scales) }
      try weights.divide(fold, by: scales)
      for site in group.sites { weights.change(site.part, to: try weights.matrix(site.part).scaledColumns(scales)) }
    }
    #expect(weights.changed.count == 4 * 7 + 4 * 2)
    let after = try GraphRunner(graph, on: device, weights: weights, tokens: tokens.count).run(
      inputs, tokens: tokens.count)
    let (a, b) = (try #require(before["logits"]), try #require(after["logits"]))
    #expect(zip(a.elements, b.elements).allSatisfy { abs($0 - $1) < 5e-3 })
  }

  @Test(
    arguments: [
      ("fp8", 0.002), ("fp8-static", 0.003), ("fp8-block", 0.002), ("int8", 0.0003), ("int8-smoothquant", 0.0005),
      ("int4", 0.03), ("int4-awq", 0.03), ("int4-gptq", 0.03), ("w4a8-awq", 0.03), ("mixed", 0.03), ("mxfp4", 0.05),
    ]) func everyRecipe(_ name: String, _ limit: Double) throws
  {
    let (model, checkpoint, directory) = try model()
    let folder = TemporaryFolder()
    var recipe = try QuantizeRecipe(name, stored: .bfloat16)
    if name == "int8" || name == "mixed" { recipe.embedding = WeightCoding(.int8) }
    recipe.kept = ["*.layers.2.mlp.*"]
    recipe.cache = .float8e4m3
    let quantizer = try Quantizer(model, checkpoint, recipe: recipe)
    let report = try quantizer.run(
      text: text, from: directory, to: folder.path, on: try CPUDevice(threads: 2), version: "0")
    #expect(report.bytesAfter < report.bytesBefore)
    #expect(report.kept.filter { $0.reason == "as asked" }.map(\.module).sorted().count == 3)
    let stored = try folder.stored(model.parameters())
    #expect(stored.matrices.count == 25 + (recipe.embedding == nil ? 0 : 1))
    if name != "mxfp4" { #expect(stored.cache == .float8e4m3) }
    let written = try Checkpoint(directory: folder.path)
    // Every parameter is there, once, and nothing else.
    let plain = try model.parameters().filter { stored.matrices[$0.name] == nil }
    try written.check(expected: plain, ignoring: Array(stored.tensors))
    for error in report.modules.compactMap(\.relativeError) { #expect(error < limit) }
    // Outputs of the whole model stay near: the factors cancel.
    let weights = FloatWeights(written)
    for (parameter, matrix) in stored.matrices { weights.change(parameter, to: try matrix.read().values()) }
    let original = FloatWeights(checkpoint)
    let graph = try model.trace()
    let device = try CPUDevice(threads: 1)
    let tokens = text[2]
    let inputs = ["tokenIDs": Values([tokens.count], tokens.map(Float.init))]
    guard !stored.matrices.values.contains(where: { $0.recipe.hasInputScale }) else { return }
    let a = try GraphRunner(graph, on: device, weights: original, tokens: tokens.count).run(
      inputs, tokens: tokens.count)
    let b = try GraphRunner(graph, on: device, weights: weights, tokens: tokens.count).run(inputs, tokens: tokens.count)
    let (x, y) = (try #require(a["logits"]).elements, try #require(b["logits"]).elements)
    let distance = zip(x, y).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
    let size = x.reduce(0.0) { $0 + Double($1 * $1) }
    #expect(distance / size < limit * 3, "\(distance / size)")
  }

  @Test func faults() throws {
    let (model, checkpoint, directory) = try model()
    func running(_ text: [[Int32]], _ change: (inout QuantizeRecipe) -> Void = { _ in }) -> String {
      sentence {
        var recipe = try QuantizeRecipe("int4-awq", stored: .bfloat16)
        change(&recipe)
        let folder = TemporaryFolder()
        _ = try Quantizer(model, checkpoint, recipe: recipe).run(
          text: text, from: directory, to: folder.path, on: try CPUDevice(threads: 1), version: "0")
      }
    }
    #expect(running([]).contains("has 0 tokens"))
    #expect(running([[Int32](repeating: 9000, count: 64)]).contains("the token 9000"))
    #expect(running(text) { $0.kept = ["*.nothing"] }.contains("'*.nothing'"))
    #expect(running(text) { $0.kept = ["*"] }.contains("leaves every module"))
    #expect(running(text) { $0.bits = 2 }.contains("a budget of 2.0 bits"))
    let folder = TemporaryFolder()
    folder.write("model.safetensors", [])
    #expect(
      sentence {
        _ = try Quantizer(model, checkpoint, recipe: try QuantizeRecipe("int8", stored: .bfloat16)).run(
          text: [], from: directory, to: folder.path, on: try CPUDevice(threads: 1), version: "0")
      }.contains("holds a model already"))
  }
}
