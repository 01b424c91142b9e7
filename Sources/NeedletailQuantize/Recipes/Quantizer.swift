import NeedletailCheckpoint
import NeedletailGraph
import NeedletailJSON
import NeedletailKernels
import NeedletailModels

/// Quantizes a model, layer by layer, and writes a checkpoint that is loaded like any other.
///
///     let quantizer = try Quantizer(model, checkpoint, recipe: try QuantizeRecipe("int4-awq", stored: .bfloat16))
///     let report = try quantizer.run(text: sequences, from: directory, to: "quantized", on: try CPUDevice())
///
/// One layer's weights are in memory as floats at a time. The text's activations are kept between layers: tokens times
/// width floats. Results depend on the model, the text and the recipe only, not on the number of cores.
public final class Quantizer {
  let model: any LanguageModel
  let checkpoint: Checkpoint
  let recipe: QuantizeRecipe
  let graph: Graph
  let sites: ModelSites
  let weights: FloatWeights
  /// Told the share that is done, 0 to 1, and where it is.
  public var progress: (Double, String) -> Void = { _, _ in }

  /// A quantizer of a model with ordinary weights.
  public init(_ model: any LanguageModel, _ checkpoint: Checkpoint, recipe: QuantizeRecipe) throws {
    self.model = model
    self.checkpoint = checkpoint
    self.recipe = recipe
    graph = try model.trace()
    sites = ModelSites(graph)
    weights = FloatWeights(checkpoint)
    for pattern in recipe.kept where !allModules.contains(where: { $0.matches(glob: pattern) }) {
      throw QuantizeError("no module of the model is named '\(pattern)', which is to stay as it is")
    }
    guard
      sites.sites.values.contains(where: { recipe.recipe(of: $0.module, role: $0.role) != nil })
        || !sites.experts.isEmpty
    else { throw QuantizeError("the recipe \(recipe.name) leaves every module as it is") }
  }

  private var allModules: [String] {
    Array(sites.sites.keys) + sites.embeddings.map(\.module) + sites.experts.map { Self.module($0.part) }
  }

  /// A tensor's name without its ending.
  static func module(_ part: Weight.Part) -> String {
    part.name.hasSuffix(".weight") ? String(part.name.dropLast(7)) : part.name
  }

  /// The recipe of a matrix, or why it stays as it is.
  func choice(_ module: String, _ role: ModuleRole, shape: [Int]) -> (recipe: LinearRecipe?, reason: String?) {
    guard let chosen = recipe.recipe(of: module, role: role) else {
      return (nil, recipe.kept.contains { module.matches(glob: $0) } ? "as asked" : "\(role.rawValue)")
    }
    let (n, k) = (shape.dropLast().reduce(1, *), shape[shape.count - 1])
    if let size = chosen.weight.groupSize, k % size != 0, chosen.weight.dtype.bitCount == 4 {
      return (nil, "\(k) inputs are no multiple of groups of \(size)")
    }
    if recipe.format == .awq || recipe.format == .gptq, n % 8 != 0 || k % 8 != 0 {
      return (nil, "sizes that are no multiples of 8")
    }
    if recipe.format == .modelOpt, chosen.weight.code == .int4, n % 2 != 0 { return (nil, "an odd number of outputs") }
    if let fault = chosen.fault(n: n, k: k) { return (nil, fault) }
    return (chosen, nil)
  }

  /// Quantizes and writes.
  /// - Parameters:
  ///   - text: sequences of token ids, where the recipe needs calibration.
  ///   - directory: where the model's other files are.
  ///   - output: the new directory.
  public func run(
    text: [[Int32]], from directory: ModelDirectory, to output: String, on device: any Device, version: String
  ) throws -> QuantizeReport {
    let tokens = text.reduce(0) { $0 + $1.count }
    if recipe.needsCalibration, tokens < 32 {
      throw QuantizeError("the calibration text has \(tokens) tokens; the recipe \(recipe.name) needs 32 or more")
    }
    try checkFinite(text)
    try ModelDirectory.create(output)
    let writer = try ShardedWriter(output)
    var run = QuantizerRun(self, writer, Products(device))
    if recipe.bits != nil { try run.measureSensitivity(text, on: device) }
    if recipe.needsCalibration {
      try run.layers(text, on: device)
    } else {
      try run.allGroups()
    }
    try run.embeddingsAndExperts()
    try run.untouched()
    try writer.finish()
    try run.writeConfig(directory, to: output, version: version)
    run.report.tokens = recipe.needsCalibration ? tokens : 0
    run.report.bytesBefore = checkpoint.tensorBytes
    run.report.bytesAfter = writer.bytes
    return run.report
  }

  private func checkFinite(_ text: [[Int32]]) throws {
    for token in text.joined() where token < 0 || Int(token) >= model.vocabularySize {
      throw QuantizeError("the calibration text has the token \(token); the model has \(model.vocabularySize)")
    }
  }
}
