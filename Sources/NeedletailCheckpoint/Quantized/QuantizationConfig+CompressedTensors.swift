import NeedletailGraph
import NeedletailJSON

/// compressed-tensors, as llm-compressor writes it (vLLM project): groups of modules, each with arguments for weights and
/// inputs.
extension QuantizationConfig {
  static func compressedTensors(_ json: JSON) throws(CheckpointError) -> QuantizationConfig {
    var config = QuantizationConfig(method: "compressed-tensors")
    if let sparsity = json["sparsity_config"], let format = try sparsity.optionalText("format"), format != "dense" {
      throw CheckpointError("", "has weights stored as \(quoted(format)), which is not read")
    }
    if let transform = json["transform_config"], !transform.isNull, transform != .object(JSONObject()) {
      throw CheckpointError("", "has a transform_config: rotated weights are not read")
    }
    let format = try json.optionalText("format")
    guard let groups = json["config_groups"]?.object, groups.count > 0 else {
      throw CheckpointError("", "has no config_groups")
    }
    for (name, group) in groups {
      do throws(CheckpointError) {
        var patterns: [ModulePattern] = []
        for target in group.says("targets") ? try group.texts("targets") : ["Linear"] {
          patterns.append(try ModulePattern(compressedTensors: target))
        }
        config.rules.append(
          Rule(patterns: patterns, scheme: try scheme(group, format: try group.optionalText("format") ?? format)))
      } catch {
        throw CheckpointError("", "config_groups.\(quoted(name)) \(error.message)")
      }
    }
    for text in try json.texts("ignore") { config.ignored.append(try ModulePattern(compressedTensors: text)) }
    config.cache = try cache(json["kv_cache_scheme"] ?? .null)
    return config
  }

  private static func scheme(_ group: JSON, format: String?) throws(CheckpointError) -> StoredScheme {
    guard !group.says("output_activations") else {
      throw CheckpointError("", "has output_activations, which are not read")
    }
    guard let weights = group["weights"], weights.object != nil else { throw CheckpointError("", "has no weights") }
    guard try !flagged(weights, "dynamic") else { throw CheckpointError("", "has dynamic weights") }
    let bits = try weights.count("num_bits", in: 1...16, default: 8)
    let type = try weights.optionalText("type") ?? "int"
    let isSymmetric = try weights.flag("symmetric", default: true)
    let size = try weights.optional("group_size", in: -1...1 << 20)
    let strategy =
      try weights.optionalText("strategy")
      ?? (size.map { $0 > 0 } ?? false ? "group" : size == -1 ? "channel" : "tensor")
    if let order = weights["actorder"], !order.isNull, order.bool != false,
      !["weight", "static"].contains(order.string)
    {
      throw CheckpointError("", "has groups of columns that do not follow each other (actorder), which are not read")
    }
    let activation = try activation(group["input_activations"] ?? .null)

    var scheme: StoredScheme
    switch (type, bits, format ?? "") {
    case ("float", 8, "float-quantized"), ("float", 8, "naive-quantized"), ("float", 8, ""):
      scheme = StoredScheme(.plain, .float8e4m3)
    case ("int", 8, "int-quantized"), ("int", 8, "naive-quantized"), ("int", 8, ""):
      scheme = StoredScheme(.plain, .int8)
    case ("int", 4, "pack-quantized"), ("int", 4, ""): scheme = StoredScheme(.packed, .int4)
    case ("int", 8, "pack-quantized"): scheme = StoredScheme(.packed, .int8)
    default:
      throw CheckpointError(
        "", "stores \(bits)-bit \(type) weights as \(quoted(format ?? "nothing")), which is not read")
    }
    scheme.activation = activation
    guard isSymmetric || scheme.code == .int4 else {
      throw CheckpointError("", "has 8-bit weights with zero points, which are not read")
    }
    scheme.hasZeroPoints = !isSymmetric
    switch strategy {
    case "tensor", "channel": break
    case "group":
      guard let size, size > 0 else { throw CheckpointError("", "has groups without a group_size") }
      scheme.groupSize = size
    case "block":
      guard let block = weights["block_structure"]?.array?.map(\.int), block.count == 2, let rows = block[0],
        let columns = block[1], 1...1 << 20 ~= rows, 1...1 << 20 ~= columns
      else { throw CheckpointError("", "has blocks without a block_structure of two numbers") }
      (scheme.rowsPerScale, scheme.groupSize) = (rows, columns)
    default: throw CheckpointError("", "has weights of the strategy \(quoted(strategy)), which is not read")
    }
    return scheme
  }

  private static func activation(_ json: JSON) throws(CheckpointError) -> ActivationCoding? {
    guard !json.isNull else { return nil }
    guard json.object != nil else { throw CheckpointError("", "has input_activations that are \(json.typeName)") }
    let bits = try json.count("num_bits", in: 1...16, default: 8)
    let type = try json.optionalText("type") ?? "int"
    guard bits == 8, let code: ActivationCoding.Code = type == "float" ? .float8e4m3 : type == "int" ? .int8 : nil
    else {
      throw CheckpointError("", "has input_activations in \(bits)-bit \(quoted(type)), which are not computed")
    }
    guard try json.flag("symmetric", default: true) else {
      throw CheckpointError("", "has input_activations with zero points, which are not computed")
    }
    let isDynamic = try flagged(json, "dynamic")
    let size = try json.optional("group_size", in: -1...1 << 20)
    let strategy = try json.optionalText("strategy") ?? (size != nil ? "group" : isDynamic ? "token" : "tensor")
    switch (strategy, isDynamic) {
    case ("tensor", false): return ActivationCoding(code, .tensor)
    case ("token", true): return ActivationCoding(code, .token)
    case ("group", true):
      guard let size, size > 0 else {
        throw CheckpointError("", "has groups of input_activations without a group_size")
      }
      return ActivationCoding(code, .group(size))
    default:
      throw CheckpointError(
        "",
        "has \(isDynamic ? "dynamic" : "static") input_activations of the strategy \(quoted(strategy)), which are not computed"
      )
    }
  }

  private static func flagged(_ json: JSON, _ key: String) throws(CheckpointError) -> Bool {
    if json[key]?.string == "local" { throw CheckpointError("", "has \(key) local scales, which are not computed") }
    return try json.flag(key, default: false)
  }

  /// fp8 with a static scale a layer.
  static func cache(_ json: JSON) throws(CheckpointError) -> DType? {
    guard !json.isNull else { return nil }
    if let name = json.string {
      switch name.uppercased() {
      case "FP8": return .float8e4m3
      case "INT8": return .int8
      case "NONE", "AUTO", "": return nil
      default: throw CheckpointError("", "has a cache in \(quoted(name)), which is not stored")
      }
    }
    let bits = try json.count("num_bits", in: 1...16, default: 8)
    let type = try json.optionalText("type") ?? "float"
    guard bits == 8, try json.flag("symmetric", default: true), ["float", "int"].contains(type) else {
      throw CheckpointError("", "has a cache in \(bits)-bit \(quoted(type)), which is not stored")
    }
    if type == "int" { return .int8 }
    let strategy = try json.optionalText("strategy") ?? "tensor"
    guard strategy == "tensor", try !flagged(json, "dynamic") else {
      throw CheckpointError(
        "", "has a cache in fp8 of the strategy \(quoted(strategy)); one static scale a layer is known")
    }
    return .float8e4m3
  }
}

extension JSON {
  /// A whole number from a range, or nil where it is missing or null.
  func optional(_ key: String, in range: ClosedRange<Int>) throws(CheckpointError) -> Int? {
    says(key) ? try count(key, in: range) : nil
  }
}
