import NeedletailCheckpoint
import NeedletailGraph
import NeedletailJSON

extension QuantizerRun {
  /// Embeddings and experts, which are rounded to nearest.
  mutating func embeddingsAndExperts() throws {
    for (module, shape) in quantizer.sites.embeddings where !replaced.contains(module) {
      let (chosen, _) = quantizer.choice(module, .embedding, shape: shape)
      guard let chosen, recipe.format == .compressedTensors else {
        report.modules.append(
          ModuleResult(module: module, shape: shape, recipe: nil, relativeError: nil, bytes: 0, reason: "embedding"))
        continue
      }
      let weight = try weights.matrix(Weight.Part("\(module).weight", shape: shape))
      let encoded = EncodedModule(
        module: module, parameter: "\(module).weight", shape: shape,
        matrix: RoundToNearest.encode(weight, chosen.weight), recipe: chosen, isPerTensor: false)
      try write(encoded, nil)
      // Its group is named by itself, not with the products.
      for index in summary.groups.indices { summary.groups[index].modules.removeAll { $0 == module } }
      summary.groups.removeAll { $0.modules.isEmpty }
      summary.embeddings.append((chosen.weight, module))
    }
    for (part, _) in quantizer.sites.experts where !replaced.contains(part.name) { try quantizeExperts(part) }
  }

  private mutating func quantizeExperts(_ part: Weight.Part) throws {
    let module = Quantizer.module(part)
    var (chosen, reason) = quantizer.choice(module, .experts, shape: part.shape)
    if chosen != nil, part.transposed {
      (chosen, reason) = (nil, "experts stored as [inputs, outputs]")
    } else if let found = chosen, part.shape.count == 3, found.weight.code == .int4 || recipe.format == .modelOpt {
      (chosen, reason) = (nil, "experts in one tensor")
    } else if chosen?.activation?.scope == .tensor {
      (chosen, reason) = (nil, "experts, whose inputs have no one scale")
    }
    guard let chosen else {
      report.modules.append(
        ModuleResult(module: module, shape: part.shape, recipe: nil, relativeError: nil, bytes: 0, reason: reason))
      summary.ignored.append(module)
      return
    }
    let weight = try weights.matrix(part)
    var coding = chosen.weight
    coding.hasRowScales = false
    let encoded = EncodedModule(
      module: module, parameter: part.name, shape: part.shape, matrix: RoundToNearest.encode(weight, coding),
      recipe: chosen, isPerTensor: false)
    try write(encoded, nil)
    try writer.flushIfLarge()
  }

  /// Everything else, as it was or with the factors that were taken into it.
  mutating func untouched() throws {
    for name in quantizer.checkpoint.names where !replaced.contains(name) {
      let tensor = try quantizer.checkpoint.tensor(name)
      if quantizer.model.ignores(name) { continue }
      if let changed = weights.takeChanged(name), let type = tensor.dtype.graphDType {
        try writer.add(StoredTensor(name, type, tensor.shape, floats: changed))
      } else {
        try writer.add(StoredTensor(name, tensor.dtype, tensor.shape, Array(tensor.bytes)))
      }
      try writer.flushIfLarge()
    }
  }

  /// config.json with what was done, and the model's other small files.
  func writeConfig(_ directory: ModelDirectory, to output: String, version: String) throws {
    _ = try directory.copyCompanions(to: output)
    let (config, modelOpt) = recipe.format.config(summary, version: version)
    guard var object = directory.config.object else { throw QuantizeError("config.json is no object") }
    object["quantization_config"] = config
    try Self.write(.object(object), to: output + "/config.json")
    if let modelOpt { try Self.write(modelOpt, to: output + "/hf_quant_config.json") }
  }

  private static func write(_ json: JSON, to path: String) throws {
    try ModelDirectory.write(Array((json.text(.init(indent: 2)) + "\n").utf8), to: path)
  }
}
