import NeedletailGraph

/// The config of MiMo-V2-Flash (Xiaomi 2025): mixtures chosen as DeepSeek-V3 does; most layers have a window, more key
/// heads, sinks and positions of their own; values are narrower than keys and have a factor.
public struct MiMoV2FlashConfig: FieldsConfig {
  /// As the protocol says; heads are those of layers that see all.
  public let fields: DecoderFields
  /// Heads of layers with a window.
  public let localShape: AttentionShape
  /// For each layer, how many positions a token sees; nil: all.
  public let windows: [Int?]
  /// Positions in layers that see all, and in layers with a window.
  public let rope, localRope: Rope
  /// Whether the projections of queries, keys and values have biases.
  public let attentionBias: Bool
  /// Whether layers that see all, and layers with a window, have sinks.
  public let hasSinks, hasLocalSinks: Bool
  /// Factor of the values.
  public let valueScale: Float
  /// For each layer, whether it is a mixture.
  public let isSparse: [Bool]
  /// Experts, and those of a token.
  public let experts: (count: Int, chosen: Int)
  /// Inner width of an expert.
  public let expertSize: Int
  /// How experts are chosen.
  public let routing: Routing
  /// Layers for drafting tokens.
  public var ignoredPrefixes: [String] { ["model.mtp."] }

  /// Reads a config, as published or as `transformers` writes it.
  public init(_ json: ConfigJSON) throws {
    var fields = try DecoderFields(
      json, kvHeadCount: 4, headDim: 192, eps: 1e-5, epsName: json.name("layernorm_epsilon", "rms_norm_eps"))
    fields.attention.valueDim = try json("v_head_dim", default: 128)
    self.fields = fields
    let (shape, count) = (fields.attention, fields.layerCount)
    let heads = try json("swa_num_attention_heads", default: shape.headCount)
    let groups = try json("swa_num_key_value_heads", default: 2 * shape.kvHeadCount)
    guard heads % groups == 0 else {
      throw ConfigError("\(json.path(of: "swa_num_attention_heads")) is \(heads), which is no multiple of \(groups)")
    }
    localShape = AttentionShape(
      hiddenSize: shape.hiddenSize, headCount: heads, kvHeadCount: groups,
      headDim: try json("swa_head_dim", default: shape.headDim),
      valueDim: try json("swa_v_head_dim", default: shape.valueDim))
    let widest =
      max(shape.headCount, heads) * max(shape.headDim, shape.valueDim, localShape.headDim, localShape.valueDim)
    guard ConfigJSON.sizes ~= widest else {
      throw ConfigError("\(json.path(of: "v_head_dim")): \(widest) is too much for all heads of a layer")
    }
    windows = try json.mimoWindows(count)
    rope = try fields.rope(json, theta: 5_000_000, partial: 0.334, layerType: "full_attention")
    localRope = try Self.localRope(json, fields, headDim: localShape.headDim)
    attentionBias = try json("attention_bias", default: false)
    hasSinks = try json("add_full_attention_sink_bias", default: false)
    hasLocalSinks = try json("add_swa_attention_sink_bias", default: true)
    valueScale = try json.factor("attention_value_scale", default: json.has("attention_value_scale") ? 1 : 0.707)
    isSparse =
      try json.flags("moe_layer_freq", count) ?? json.kinds("mlp_layer_types", count, ["dense", "sparse"])
      ?? (0..<count).map { $0 > 0 }
    experts = try json.expertCounts("n_routed_experts", default: 256, defaultChosen: 8)
    expertSize = try json("moe_intermediate_size", default: 2048)
    if let shared = try json.optional("n_shared_experts", in: 0...1024), shared > 0 {
      throw ConfigError("\(json.path(of: "n_shared_experts")) is \(shared): shared experts are not known here")
    }
    _ = try json.choice("scoring_func", default: (), ["sigmoid": ()])
    _ = try json.choice("topk_method", default: (), ["noaux_tc": ()])
    routing = Routing(
      experts.chosen, .sigmoid, renormalizes: try json("norm_topk_prob", default: true),
      scale: try json.factor("routed_scaling_factor"), groups: try json.expertGroups(.topTwo, default: (1, 1)))
    try routing.groups.map { try json.check($0, experts) }
  }

  private static func localRope(
    _ json: ConfigJSON, _ fields: DecoderFields, headDim: Int
  ) throws(ConfigError) -> Rope {
    var local = fields
    local.attention.headDim = headDim
    if try json.ropeGroup(of: "sliding_attention") != nil {
      return try local.rope(json, theta: 10_000, partial: 0.334, layerType: "sliding_attention")
    }
    let usual = try local.rope(json, partial: 0.334)
    let theta: Double = try json("swa_rope_theta", default: 10_000)
    guard theta > 1, theta < 1e30 else { throw ConfigError("\(json.path(of: "swa_rope_theta")) is \(theta)") }
    return Rope(dimensions: usual.dimensions, theta: theta)
  }

  /// With sinks in some layers.
  public func attention(layer: Int) -> any AttentionLayer {
    let isLocal = windows[layer] != nil
    var heads = AttentionHeads(
      isLocal ? localShape : fields.attention, rope: isLocal ? localRope : rope, window: windows[layer])
    heads.valueScale = valueScale
    return SelfAttention(
      heads, bias: attentionBias, sinks: isLocal ? hasLocalSinks : hasSinks, names: ["sinks": "attention_sink_bias"])
  }

  /// A mixture, or none.
  public func feedForward(layer: Int) -> any UnaryLayer {
    guard isSparse[layer] else { return GatedMLP(hiddenSize, fields.intermediateSize, activation: fields.activation) }
    return MixtureOfExperts(
      hiddenSize, SeparateExperts(experts.count, hiddenSize, expertSize), routing,
      Experts(count: experts.count, activation: fields.activation), choiceBias: true)
  }
}

extension ConfigJSON {
  /// An array of a 0 or 1 for each layer, or nil where it is missing or null.
  fileprivate func flags(_ name: String, _ count: Int) throws(ConfigError) -> [Bool]? {
    guard let flags: [Int] = try optional(name) else { return nil }
    guard flags.count == count, flags.allSatisfy({ 0...1 ~= $0 }) else {
      throw ConfigError("\(path(of: name)) is not a 0 or 1 for each of \(count) layers")
    }
    return flags.map { $0 == 1 }
  }

  /// An array of one of two names for each layer, whether it is the second, or nil where it is missing or null.
  fileprivate func kinds(_ name: String, _ count: Int, _ names: [String]) throws(ConfigError) -> [Bool]? {
    guard let kinds: [String] = try optional(name) else { return nil }
    guard kinds.count == count, kinds.allSatisfy(names.contains) else {
      throw ConfigError("\(path(of: name)) is not \(names.joined(separator: " or ")) for each of \(count) layers")
    }
    return kinds.map { $0 == names[1] }
  }

  /// Layers with a window: those of "hybrid_layer_pattern" that are 1, those that "layer_types" says, or all but the first
  /// and every sixth. "sliding_window_size" leaves out the token itself.
  fileprivate func mimoWindows(_ count: Int) throws(ConfigError) -> [Int?] {
    let outer = try optional("sliding_window_size", in: 1...Self.lengths.upperBound - 1)
    let window = if let outer { outer + 1 } else { try self("sliding_window", default: 129, in: Self.lengths) }
    let pattern = try flags("hybrid_layer_pattern", count)
    let types = try kinds("layer_types", count, ["full_attention", "sliding_attention"])
    let isLocal = pattern ?? types ?? (0..<count).map { $0 > 0 && ($0 + 1) % 6 != 0 }
    return isLocal.map { $0 ? window : nil }
  }
}
