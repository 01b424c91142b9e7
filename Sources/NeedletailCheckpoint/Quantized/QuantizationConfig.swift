import NeedletailGraph
import NeedletailJSON

/// Which modules of a checkpoint are quantized and how, as its config files say. No tensor is looked at.
///
///     let config = try QuantizationConfig(directory)
///     let scheme = config?.scheme(of: "model.layers.0.mlp.down_proj")
///
/// Read are `quantization_config` (or `compression_config`) of config.json, of compressed-tensors, AutoAWQ, GPTQ, ModelOpt,
/// FP8 and MXFP4, and ModelOpt's `hf_quant_config.json`. What is not known is an error, as weights would be read wrongly.
public struct QuantizationConfig: Sendable {
  struct Rule {
    var patterns: [ModulePattern]
    var scheme: StoredScheme
  }

  /// What made it: "compressed-tensors".
  public var method: String
  /// In the order in which they are tried.
  var rules: [Rule] = []
  /// Modules that are stored as usual, before any rule.
  var ignored: [ModulePattern] = []
  /// Storage of cached keys and values; nil: as usual.
  public var cache: DType?

  init(method: String) { self.method = method }

  /// Reads a directory's config files; nil where they say nothing of quantization.
  public init?(_ directory: ModelDirectory) throws(CheckpointError) {
    let modelOptName = "hf_quant_config.json"
    let modelOpt = try ModelDirectory.readOptional(
      directory.path, modelOptName, limit: ModelDirectory.maximumConfigBytes)
    // ModelOpt writes both files; its own says more of what it did.
    guard let modelOpt else {
      try self.init(config: directory.config, file: directory.path(of: "config.json"))
      return
    }
    self = try located(directory.path(of: modelOptName)) { () throws(CheckpointError) in try Self.modelOpt(modelOpt) }
  }

  /// Reads what a config.json says; nil where it says nothing of quantization.
  public init?(config: JSON, file: String) throws(CheckpointError) {
    var found: (place: String, json: JSON)?
    for (prefix, part) in [("", config), ("text_config.", config["text_config"] ?? .null)] {
      for field in ["quantization_config", "compression_config"] {
        guard let json = part[field], !json.isNull, found == nil else { continue }
        found = (prefix + field, json)
      }
    }
    guard let found else { return nil }
    self = try located(file, found.place + " ") { () throws(CheckpointError) in try Self.parse(found.json) }
  }

  /// How a module is stored; nil: as usual.
  public func scheme(of module: String) -> StoredScheme? {
    if ignored.contains(where: { $0.matches(module) }) { return nil }
    // Names come before kinds of modules.
    for isKind in [false, true] {
      for rule in rules where rule.patterns.contains(where: { ($0 == .all) == isKind && $0.matches(module) }) {
        return rule.scheme
      }
    }
    return nil
  }

  static func parse(_ json: JSON) throws(CheckpointError) -> QuantizationConfig {
    guard json.object != nil else { throw CheckpointError("", "is \(json.typeName) and not an object") }
    let method = json["quant_method"]?.string ?? ""
    switch method {
    case "compressed-tensors": return try compressedTensors(json)
    case "awq": return try awq(json)
    case "gptq": return try gptq(json)
    case "fp8": return try fp8(json)
    case "mxfp4": return mxfp4(json)
    case "modelopt": return try modelOpt(json)
    case "":
      if json["quant_algo"] != nil || json["quantization"] != nil { return try modelOpt(json) }
      if json["config_groups"] != nil { return try compressedTensors(json) }
      throw CheckpointError("", "does not say its quant_method")
    default:
      throw CheckpointError(
        "",
        "is of the method \(quoted(method)), which is not read; known are compressed-tensors, awq, gptq, fp8, mxfp4 "
          + "and modelopt")
    }
  }
}

/// Puts a file's name before the sentence of an error that has none.
func located<Result>(
  _ path: String, _ place: String = "", _ body: () throws(CheckpointError) -> Result
) throws(CheckpointError) -> Result {
  do throws(CheckpointError) { return try body() } catch {
    throw error.path.isEmpty ? CheckpointError(path, place + error.message) : error
  }
}

/// Fields of a quantization config.
extension JSON {
  /// A whole number from a range, or the default where it is missing or null.
  func count(_ key: String, in range: ClosedRange<Int>, default fallback: Int? = nil) throws(CheckpointError) -> Int {
    guard let value = self[key], !value.isNull else {
      if let fallback { return fallback }
      throw CheckpointError("", "has no \(key)")
    }
    guard let number = value.int, range.contains(number) else {
      throw CheckpointError(
        "", "has \(key) \(value.text().prefix(40)); it must be a number from \(range.lowerBound) to \(range.upperBound)"
      )
    }
    return number
  }

  /// A truth value, or the default where it is missing or null.
  func flag(_ key: String, default fallback: Bool) throws(CheckpointError) -> Bool {
    guard let value = self[key], !value.isNull else { return fallback }
    guard let flag = value.bool else {
      throw CheckpointError("", "has \(key) \(value.text().prefix(40)), not true or false")
    }
    return flag
  }

  /// A text, or nil where it is missing or null.
  func optionalText(_ key: String) throws(CheckpointError) -> String? {
    guard let value = self[key], !value.isNull else { return nil }
    guard let text = value.string else {
      throw CheckpointError("", "has \(key) \(value.text().prefix(40)), not a text")
    }
    return text
  }

  /// A list of texts; empty where it is missing or null.
  func texts(_ key: String) throws(CheckpointError) -> [String] {
    guard let value = self[key], !value.isNull else { return [] }
    guard let elements = value.array else {
      throw CheckpointError("", "has \(key) that is \(value.typeName), not a list")
    }
    var texts: [String] = []
    for element in elements {
      guard let text = element.string else { throw CheckpointError("", "has \(key) with \(element.typeName) in it") }
      texts.append(text)
    }
    return texts
  }

  /// Whether there is something else than null.
  func says(_ key: String) -> Bool { !(self[key] ?? .null).isNull }
}
