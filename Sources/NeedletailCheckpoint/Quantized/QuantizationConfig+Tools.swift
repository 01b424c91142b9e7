import NeedletailGraph
import NeedletailJSON

extension QuantizationConfig {
  /// NVIDIA's Model Optimizer: `hf_quant_config.json`, or the same in config.json as newer versions write it.
  static func modelOpt(_ json: JSON) throws(CheckpointError) -> QuantizationConfig {
    var config = QuantizationConfig(method: "ModelOpt")
    let fields = json.says("quantization") ? json["quantization"] ?? .null : json
    guard fields.object != nil else { throw CheckpointError("", "is \(fields.typeName) and not an object") }
    config.cache = try cache(fields["kv_cache_quant_algo"] ?? fields["kv_cache_scheme"] ?? .null)
    for key in ["exclude_modules", "ignore"] {
      // "lm_head" is a module, "model.layers.0*" several.
      for text in try fields.texts(key) { config.ignored.append(text.contains("*") ? .wildcard(text) : .name(text)) }
    }
    guard let algorithm = try fields.optionalText("quant_algo") else { return config }
    if algorithm == "MIXED_PRECISION" {
      guard let layers = fields["quantized_layers"]?.object else {
        throw CheckpointError("", "has no quantized_layers")
      }
      for (name, layer) in layers {
        let scheme = try modelOptScheme(try layer.optionalText("quant_algo") ?? "", layer)
        config.rules.append(Rule(patterns: [.name(name)], scheme: scheme))
      }
    } else {
      config.rules = [Rule(patterns: [.all], scheme: try modelOptScheme(algorithm, fields))]
    }
    return config
  }

  private static func modelOptScheme(_ algorithm: String, _ json: JSON) throws(CheckpointError) -> StoredScheme {
    func int4(_ activation: ActivationCoding?) throws(CheckpointError) -> StoredScheme {
      guard try !json.flag("has_zero_point", default: false) else {
        throw CheckpointError("", "has zero points in ModelOpt's layout, which are not read")
      }
      return StoredScheme(
        .modelOptInt4, .int4, groupSize: try json.count("group_size", in: 1...1 << 20, default: 128),
        activation: activation)
    }
    switch algorithm {
    case "FP8": return StoredScheme(.plain, .float8e4m3, activation: ActivationCoding(.float8e4m3, .tensor))
    case "FP8_PER_CHANNEL_PER_TOKEN":
      return StoredScheme(.plain, .float8e4m3, activation: ActivationCoding(.float8e4m3, .token))
    case "FP8_PB_WO": return StoredScheme(.plain, .float8e4m3, groupSize: 128, rowsPerScale: 128)
    case "W8A16": return StoredScheme(.plain, .int8)
    case "W8A8_SQ_PER_CHANNEL": return StoredScheme(.plain, .int8, activation: ActivationCoding(.int8, .tensor))
    case "W4A16_AWQ", "W4A16": return try int4(nil)
    case "W4A8_AWQ": return try int4(ActivationCoding(.float8e4m3, .tensor))
    default: throw CheckpointError("", "has the quant_algo \(quoted(algorithm)), which is not read")
    }
  }

  /// AutoAWQ (Casper Hansen): the "gemm" layout.
  static func awq(_ json: JSON) throws(CheckpointError) -> QuantizationConfig {
    var config = QuantizationConfig(method: "AWQ")
    let version = (try json.optionalText("version") ?? "gemm").lowercased()
    guard version == "gemm" else {
      throw CheckpointError("", "is AWQ's version \(quoted(version)); the version gemm is read")
    }
    let bits = try json.count(json.says("bits") ? "bits" : "w_bit", in: 1...16, default: 4)
    guard bits == 4 else { throw CheckpointError("", "is AWQ in \(bits) bits; 4 are read") }
    let size = try json.count(json.says("group_size") ? "group_size" : "q_group_size", in: -1...1 << 20, default: 128)
    guard size != 0 else { throw CheckpointError("", "has groups of 0") }
    config.rules = [
      Rule(
        patterns: [.all],
        scheme: StoredScheme(
          .awq, .int4, groupSize: size < 0 ? nil : size, hasZeroPoints: try json.flag("zero_point", default: true)))
    ]
    for text in try json.texts("modules_to_not_convert") { config.ignored.append(.part(text)) }
    return config
  }

  /// GPTQ (Frantar et al. 2023), as AutoGPTQ and GPTQModel write it.
  static func gptq(_ json: JSON) throws(CheckpointError) -> QuantizationConfig {
    var config = QuantizationConfig(method: "GPTQ")
    let bits = try json.count("bits", in: 1...16, default: 4)
    guard bits == 4 else { throw CheckpointError("", "is GPTQ in \(bits) bits; 4 are read") }
    let size = try json.count("group_size", in: -1...1 << 20, default: 128)
    guard size != 0 else { throw CheckpointError("", "has groups of 0") }
    let format = try json.optionalText(json.says("checkpoint_format") ? "checkpoint_format" : "format") ?? "gptq"
    guard ["gptq", "gptq_v2"].contains(format) else {
      throw CheckpointError("", "is GPTQ's format \(quoted(format)); gptq and gptq_v2 are read")
    }
    guard !json.says("dynamic") || json["dynamic"] == .object(JSONObject()) else {
      throw CheckpointError("", "has rules for single modules (dynamic), which are not read")
    }
    guard !json.says("pack_dtype") || json["pack_dtype"]?.string == "int32" else {
      throw CheckpointError("", "packs codes otherwise than in int32, which is not read")
    }
    config.rules = [
      Rule(
        patterns: [.all],
        scheme: StoredScheme(
          .gptq(zeroOffset: format == "gptq" ? 1 : 0), .int4, groupSize: size < 0 ? nil : size,
          hasZeroPoints: try !json.flag("sym", default: true)))
    ]
    for text in try json.texts("modules_to_not_convert") { config.ignored.append(.part(text)) }
    return config
  }

  /// FP8 as DeepSeek, Qwen and others publish it.
  static func fp8(_ json: JSON) throws(CheckpointError) -> QuantizationConfig {
    var config = QuantizationConfig(method: "FP8")
    let format = try json.optionalText("fmt") ?? "e4m3"
    guard ["e4m3", "float8_e4m3fn"].contains(format) else {
      throw CheckpointError("", "is FP8 in \(quoted(format)); e4m3 is read")
    }
    var scheme = StoredScheme(.plain, .float8e4m3)
    if json.says("weight_block_size") {
      guard let block = json["weight_block_size"]?.array?.map(\.int), block.count == 2, let rows = block[0],
        let columns = block[1], 1...1 << 20 ~= rows, 1...1 << 20 ~= columns
      else { throw CheckpointError("", "has a weight_block_size that is not two numbers") }
      (scheme.rowsPerScale, scheme.groupSize) = (rows, columns)
    }
    let activations = try json.optionalText("activation_scheme") ?? "dynamic"
    switch (activations, scheme.groupSize) {
    case ("dynamic", let size?): scheme.activation = ActivationCoding(.float8e4m3, .group(size))
    case ("dynamic", nil): scheme.activation = ActivationCoding(.float8e4m3, .token)
    case ("static", nil): scheme.activation = ActivationCoding(.float8e4m3, .tensor)
    default: throw CheckpointError("", "has the activation_scheme \(quoted(activations)), which is not computed")
    }
    config.rules = [Rule(patterns: [.all], scheme: scheme)]
    let kept = try json.texts("modules_to_not_convert") + json.texts("ignored_layers")
    config.ignored = kept.map { ModulePattern.name($0) }
    return config
  }

  /// gpt-oss: which tensors are coded shows in their names.
  static func mxfp4(_ json: JSON) -> QuantizationConfig {
    var config = QuantizationConfig(method: "MXFP4")
    config.rules = [Rule(patterns: [.all], scheme: StoredScheme(.mxfp4, .float4e2m1, groupSize: 32))]
    return config
  }
}
