import NeedletailGraph

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Rope {
  /// Reads "rope_scaling" (old) or "rope_parameters" (new) and, inside of it or beside it, "rope_theta" and
  /// "partial_rotary_factor", with the defaults of the `transformers` library (5.23, `modeling_rope_utils.py`).
  ///
  /// `headDim`: width of a head. `maximumSequenceLength`: the model's, in tokens. `theta` and `partial`: what counts where
  /// the config says nothing. `layerType`: which member is read where there is one by kind of layer. Throws a `ConfigError` where the type is not known or a field of its is missing or absurd.
  public init(
    _ json: ConfigJSON, headDim: Int, maximumSequenceLength: Int, theta usualTheta: Double = 10_000,
    partial usualPartial: Double = 1, isInterleaved: Bool = false,
    layerType: String? = nil
  ) throws(ConfigError) {
    let fields = try RopeFields(json, layerType: layerType)
    let theta = try fields.positive("rope_theta", default: usualTheta)
    guard theta > 1, theta < 1e30 else { throw ConfigError("\(fields.path(of: "rope_theta")) is \(theta)") }
    let partial = try fields.positive("partial_rotary_factor", default: usualPartial)
    guard partial > 0 else { throw ConfigError("\(fields.file): rope turns \(partial) of a head's dimensions") }
    let dimensions = Int(Double(headDim) * min(partial, 2))
    guard dimensions >= 2, dimensions <= headDim, dimensions % 2 == 0 else {
      throw ConfigError(
        "\(fields.file): rope turns \(dimensions) of a head's \(headDim) dimensions, which should be an even number of them"
      )
    }
    let (scaling, attentionFactor) = try fields.scaling(dimensions, maximumSequenceLength)
    self.init(
      dimensions: dimensions, theta: theta, scaling: scaling, attentionFactor: attentionFactor,
      isInterleaved: isInterleaved)
  }
}

extension ConfigJSON {
  /// The fields of rope of a kind of layer, "full_attention" say; nil where rope is not given by kinds.
  func ropeGroup(of layerType: String) throws(ConfigError) -> ConfigJSON? {
    if let own = try group("rope_parameters")?.group(ifObject: layerType) { return own }
    return try group("rope_scaling")?.group(ifObject: layerType)
  }
}

/// The fields of rope in a config, wherever they stand.
private struct RopeFields {
  let json: ConfigJSON
  let group: ConfigJSON?
  let file: String

  init(_ json: ConfigJSON, layerType: String?) throws(ConfigError) {
    file = json.file
    if let layerType, let own = try json.ropeGroup(of: layerType) {
      // What stands beside it is of other layers.
      self.json = own
      group = own
      return
    }
    self.json = json
    let old = try json.group("rope_scaling")
    group = if let old, !old.fields.isEmpty { old } else { try json.group("rope_parameters") }
    for name in group?.fields ?? [] where try group?.group(ifObject: name) != nil {
      throw ConfigError("\(group?.path(of: name) ?? name) is an object: rope by kind of layer is not known here")
    }
  }

  func path(of name: String) -> String { (holder(of: name) ?? json).path(of: name) }

  private func holder(of name: String) -> ConfigJSON? {
    if let group, group.fields.contains(name) { group } else { json.fields.contains(name) ? json : nil }
  }

  func positive(_ name: String, default usual: Double) throws(ConfigError) -> Double {
    guard let holder = holder(of: name) else { return usual }
    let value: Double = try holder(name)
    guard value > 0 else { throw ConfigError("\(holder.path(of: name)) is \(value), which is not positive") }
    return value
  }

  /// A positive number of the group, nil where it is missing.
  private func number(_ name: String) throws(ConfigError) -> Double? {
    guard let group, let value: Double = try group.optional(name) else { return nil }
    guard value > 0, value < 1e9, value > 1e-9 else {
      throw ConfigError("\(group.path(of: name)) is \(value), which is out of range")
    }
    return value
  }

  private func required(_ name: String) throws(ConfigError) -> Double {
    guard let value = try number(name) else { throw ConfigError("\(file) has no \"rope_scaling.\(name)\"") }
    return value
  }

  func scaling(_ dimensions: Int, _ maximumLength: Int) throws(ConfigError) -> (Rope.Scaling, Float) {
    // The older name of the field is "type", and those of "longrope" are "su" and, with its factors, "yarn".
    let typeField = group?.has("rope_type") == true ? "rope_type" : "type"
    let kinds: [String: Kind] = [
      "default": .none, "linear": .linear, "dynamic": .dynamic, "llama3": .llama3,
      "yarn": group?.has("short_factor") == true ? .longRope : .yarn,
      "longrope": .longRope, "su": .longRope,
    ]
    switch try group?.choice(typeField, default: Kind.none, kinds) ?? .none {
    case .none: return (.fixed(.none), 1)
    case .linear: return (.fixed(.linear(factor: Float(try required("factor")))), 1)
    case .dynamic:
      let factor = try required("factor")
      guard factor >= 1, dimensions > 2 else {
        throw ConfigError("\(path(of: "factor")) of dynamic rope is \(factor) for \(dimensions) dimensions")
      }
      return (.dynamic(factor: factor, originalLength: maximumLength), 1)
    case .llama3:
      let (low, high) = (try required("low_freq_factor"), try required("high_freq_factor"))
      guard low <= high else {
        throw ConfigError("\(path(of: "low_freq_factor")) is \(low), which is over high_freq_factor, \(high)")
      }
      let scaling = RopeSpec.Scaling.llama3(
        factor: Float(try required("factor")), lowFrequency: Float(low), highFrequency: Float(high),
        originalLength: try originalLength(maximumLength))
      return (.fixed(scaling), 1)
    case .yarn: return try yarn(maximumLength)
    case .longRope: return try longRope(dimensions, maximumLength)
    }
  }

  private enum Kind { case none, linear, dynamic, llama3, yarn, longRope }

  // What stands beside the group goes before what stands in it.
  private func originalLength(_ maximumLength: Int) throws(ConfigError) -> Int {
    let name = "original_max_position_embeddings"
    if let length = try json.optional(name, in: ConfigJSON.lengths) { return length }
    return try group?.optional(name, in: ConfigJSON.lengths) ?? maximumLength
  }

  private func yarn(_ maximumLength: Int) throws(ConfigError) -> (Rope.Scaling, Float) {
    let original = try originalLength(maximumLength)
    let factor = try number("factor") ?? Double(maximumLength) / Double(original)
    func magnitude(_ scale: Double) -> Double { factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1 }
    // 0 counts as missing, as in the reference.
    func scale(_ name: String) throws(ConfigError) -> Double? {
      let value: Double? = try group?.optional(name)
      return value == 0 ? nil : try number(name)
    }
    let (ofScale, ofAll) = (try scale("mscale"), try scale("mscale_all_dim"))
    let usual = if let ofScale, let ofAll { magnitude(ofScale) / magnitude(ofAll) } else { magnitude(1) }
    let scaling = RopeSpec.Scaling.yarn(
      factor: Float(factor), betaFast: Float(try number("beta_fast") ?? 32),
      betaSlow: Float(try number("beta_slow") ?? 1), originalLength: original,
      truncates: try group?.optional("truncate") ?? true)
    return (.fixed(scaling), Float(try number("attention_factor") ?? usual))
  }

  private func longRope(_ dimensions: Int, _ maximumLength: Int) throws(ConfigError) -> (Rope.Scaling, Float) {
    let original = try originalLength(maximumLength)
    func factors(_ name: String) throws(ConfigError) -> [Float] {
      guard let group, let factors: [Float] = try group.optional(name) else {
        throw ConfigError("\(file) has no \"rope_scaling.\(name)\"")
      }
      guard factors.count == dimensions / 2, factors.allSatisfy({ $0 > 0 }) else {
        throw ConfigError("\(group.path(of: name)) has \(factors.count) elements, not \(dimensions / 2) positive ones")
      }
      return factors
    }
    let factor = try number("factor") ?? Double(maximumLength) / Double(original)
    let usual = factor <= 1 || original < 2 ? 1 : (1 + log(factor) / log(Double(original))).squareRoot()
    let scaling = Rope.Scaling.longRope(
      short: try factors("short_factor"), long: try factors("long_factor"), originalLength: original)
    return (scaling, Float(try number("attention_factor") ?? usual))
  }
}
