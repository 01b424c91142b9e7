import NeedletailGraph
import NeedletailJSON

/// What a checkpoint's config says of its modules.
struct QuantizationSummary {
  /// Modules by what they became, in the order of the model.
  var groups: [(recipe: LinearRecipe, isPerTensor: Bool, modules: [String])] = []
  /// Embeddings.
  var embeddings: [(coding: WeightCoding, module: String)] = []
  /// Products that stay as they are.
  var ignored: [String] = []
  /// Storage of the cache.
  var cache: DType?

  mutating func add(_ module: String, _ recipe: LinearRecipe, isPerTensor: Bool) {
    var plain = recipe
    plain.hasInputScale = false
    if let index = groups.firstIndex(where: { $0.recipe == plain && $0.isPerTensor == isPerTensor }) {
      groups[index].modules.append(module)
    } else {
      groups.append((plain, isPerTensor, [module]))
    }
  }
}

extension CheckpointFormat {
  /// `quantization_config` of config.json, and the contents of `hf_quant_config.json` where the format has one.
  func config(_ summary: QuantizationSummary, version: String) -> (config: JSON, modelOpt: JSON?) {
    let first = summary.groups.first
    let ignored = JSON.array(summary.ignored.map { .string($0) })
    switch self {
    case .compressedTensors: return (compressedTensors(summary, ignored), nil)
    case .modelOpt: return modelOpt(summary, version: version)
    case .awq:
      return (
        [
          "quant_method": "awq", "version": "gemm", "bits": 4, "group_size": .int(first?.recipe.weight.groupSize ?? -1),
          "zero_point": .bool(first?.recipe.weight.hasZeroPoints ?? true), "modules_to_not_convert": ignored,
        ], nil
      )
    case .gptq:
      return (
        [
          "quant_method": "gptq", "bits": 4, "group_size": .int(first?.recipe.weight.groupSize ?? -1),
          "sym": .bool(!(first?.recipe.weight.hasZeroPoints ?? false)), "desc_act": false,
          "checkpoint_format": "gptq_v2", "pack_dtype": "int32", "lm_head": false,
        ], nil
      )
    case .fp8:
      let isBlock = (first?.recipe.weight.rowsPerScale ?? 1) > 1
      var object = JSONObject([
        ("quant_method", "fp8"), ("fmt", "e4m3"),
        ("activation_scheme", first?.recipe.activation?.scope == .tensor ? "static" : "dynamic"),
      ])
      if isBlock { object["weight_block_size"] = [128, 128] }
      object["modules_to_not_convert"] = ignored
      return (.object(object), nil)
    case .mxfp4: return (["quant_method": "mxfp4", "modules_to_not_convert": ignored], nil)
    }
  }

  private func compressedTensors(_ summary: QuantizationSummary, _ ignored: JSON) -> JSON {
    // The largest group is "all products"; the others name their modules.
    let largest = summary.groups.indices.max { summary.groups[$0].modules.count < summary.groups[$1].modules.count }
    var groups: [(String, JSON)] = []
    var formats: Set<String> = []
    for (index, group) in summary.groups.enumerated() {
      let weights = group.recipe.weight
      let format =
        weights.code == .int4 ? "pack-quantized" : weights.code == .int8 ? "int-quantized" : "float-quantized"
      formats.insert(format)
      let targets = index == largest ? ["Linear"] : group.modules
      groups.append(
        (
          "group_\(groups.count)",
          [
            "targets": .array(targets.map { .string($0) }),
            "weights": arguments(weights, isPerTensor: group.isPerTensor),
            "input_activations": group.recipe.activation.map(arguments) ?? .null, "output_activations": .null,
            "format": .string(format),
          ]
        ))
    }
    for (coding, module) in summary.embeddings {
      formats.insert("int-quantized")
      groups.append(
        (
          "group_\(groups.count)",
          [
            "targets": [.string(module)], "weights": arguments(coding, isPerTensor: false), "input_activations": .null,
            "output_activations": .null, "format": "int-quantized",
          ]
        ))
    }
    var cache = JSON.null
    if summary.cache == .float8e4m3 {
      cache = ["num_bits": 8, "type": "float", "strategy": "tensor", "dynamic": false, "symmetric": true]
    } else if summary.cache == .int8 {
      cache = ["num_bits": 8, "type": "int", "strategy": "attn_head", "dynamic": true, "symmetric": true]
    }
    return [
      "quant_method": "compressed-tensors", "quantization_status": "compressed",
      "format": .string(formats.count == 1 ? formats.first ?? "" : "mixed-precision"),
      "config_groups": .object(JSONObject(groups)), "ignore": ignored, "kv_cache_scheme": cache,
    ]
  }

  private func arguments(_ coding: WeightCoding, isPerTensor: Bool) -> JSON {
    var object = JSONObject([
      ("num_bits", .int(coding.code == .int4 ? 4 : 8)), ("type", coding.code == .float8e4m3 ? "float" : "int"),
      ("symmetric", .bool(!coding.hasZeroPoints)), ("dynamic", false),
    ])
    if coding.rowsPerScale > 1 {
      object["strategy"] = "block"
      object["block_structure"] = [.int(coding.rowsPerScale), .int(coding.groupSize ?? 128)]
    } else if let size = coding.groupSize {
      object["strategy"] = "group"
      object["group_size"] = .int(size)
    } else {
      object["strategy"] = isPerTensor ? "tensor" : "channel"
    }
    return .object(object)
  }

  private func arguments(_ activation: ActivationCoding) -> JSON {
    var object = JSONObject([
      ("num_bits", 8), ("type", activation.code == .int8 ? "int" : "float"), ("symmetric", true),
      ("dynamic", .bool(activation.scope != .tensor)),
    ])
    switch activation.scope {
    case .tensor: object["strategy"] = "tensor"
    case .token: object["strategy"] = "token"
    case .group(let size):
      object["strategy"] = "group"
      object["group_size"] = .int(size)
    }
    return .object(object)
  }

  private func modelOpt(_ summary: QuantizationSummary, version: String) -> (config: JSON, modelOpt: JSON?) {
    func algorithm(_ recipe: LinearRecipe, _ isPerTensor: Bool) -> JSONObject {
      switch (recipe.weight.code, recipe.activation) {
      case (.float8e4m3, _): return JSONObject([("quant_algo", isPerTensor ? "FP8" : "FP8_PER_CHANNEL_PER_TOKEN")])
      case (.int8, nil): return JSONObject([("quant_algo", "W8A16")])
      case (.int8, _): return JSONObject([("quant_algo", "W8A8_SQ_PER_CHANNEL")])
      default:
        return JSONObject([
          ("quant_algo", recipe.activation == nil ? "W4A16_AWQ" : "W4A8_AWQ"),
          ("group_size", .int(recipe.weight.groupSize ?? 128)), ("has_zero_point", false), ("pre_quant_scale", true),
        ])
      }
    }
    var fields: JSONObject
    if summary.groups.count == 1, let only = summary.groups.first {
      fields = algorithm(only.recipe, only.isPerTensor)
    } else {
      fields = JSONObject([("quant_algo", "MIXED_PRECISION")])
      var layers: [(String, JSON)] = []
      for group in summary.groups {
        for module in group.modules { layers.append((module, .object(algorithm(group.recipe, group.isPerTensor)))) }
      }
      fields["quantized_layers"] = .object(JSONObject(layers))
    }
    fields["kv_cache_quant_algo"] = summary.cache == .float8e4m3 ? "FP8" : summary.cache == .int8 ? "INT8" : .null
    fields["exclude_modules"] = .array(summary.ignored.map { .string($0) })
    let producer: JSON = ["name": "needletail", "version": .string(version)]
    var inner = fields
    inner["quant_method"] = "modelopt"
    inner["producer"] = producer
    return (.object(inner), ["producer": producer, "quantization": .object(fields)])
  }
}
