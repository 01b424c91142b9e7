import NeedletailGraph

/// The config of Llama 4's text model (Meta 2025): mixtures with a shared expert, whose weights multiply the experts' input,
/// in all layers or in some; layers with rotary positions that attend within chunks, and layers without positions that
/// attend to all.
public struct Llama4Config: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Inner width of feed-forward layers that are no mixtures.
  public let denseSize: Int
  /// Whether the projections of attention have biases.
  public let attentionBias: Bool
  /// Positions, of layers that have them.
  public let rope: Rope
  /// For each layer, whether it has positions.
  public let hasRope: [Bool]
  /// For each layer, the length of the chunks within which tokens attend; nil: all.
  public let chunks: [Int?]
  /// Whether queries and keys with positions are normalized.
  public let normsHeads: Bool
  /// What queries without positions are multiplied by; nil: nothing.
  public let temperature: PositionScale?
  /// Experts, and those of a token.
  public let experts: (count: Int, chosen: Int)
  /// For each layer, whether it is a mixture.
  public let isSparse: [Bool]
  /// The feed-forward layer's name.
  public static let blockNames = ["mlp": "feed_forward"]

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, kvHeadCount: 8, headDim: 128, eps: 1e-5)
    denseSize = try json("intermediate_size_mlp", default: 16_384)
    attentionBias = try json("attention_bias", default: false)
    normsHeads = try json("use_qk_norm", default: true)
    rope = try fields.rope(json, theta: 500_000, isInterleaved: true)
    let layers = fields.layerCount
    hasRope = try json.layersWithRope(layers)
    chunks = try json.chunks(hasRope)
    let tunes = try json("attn_temperature_tuning", default: true)
    temperature =
      tunes
      ? PositionScale(
        factor: try json.factor("attn_scale", default: 0.1),
        period: try json("floor_scale", default: 8192, in: ConfigJSON.lengths)) : nil
    experts = try json.expertCounts("num_local_experts", default: 16, defaultChosen: 1)
    let step = try json("interleave_moe_layer_step", default: 1)
    let sparse: [Int]? = try json.optional("moe_layers")
    isSparse = (0..<layers).map { sparse?.contains($0) ?? (($0 + 1) % step == 0) }
  }

  /// Norms without weights change no length of a head, so they may come before the rotation.
  public func attention(layer: Int) -> any AttentionLayer {
    let (hasRope, headDim) = (hasRope[layer], fields.attention.headDim)
    let norm = normsHeads && hasRope ? HeadNorm(PlainNorm(eps: normEps), headDim) : nil
    var heads = AttentionHeads(fields.attention, rope: hasRope ? rope : nil)
    heads.chunk = chunks[layer]
    heads.temperature = hasRope ? nil : temperature
    return SelfAttention(heads, bias: attentionBias, outputBias: attentionBias, qNorm: norm, kNorm: norm)
  }

  /// A mixture, or Llama's.
  public func feedForward(layer: Int) -> any UnaryLayer {
    let (inner, activation) = (fields.intermediateSize, fields.activation)
    guard isSparse[layer] else { return GatedMLP(hiddenSize, denseSize, activation: activation) }
    return MixtureOfExperts(
      hiddenSize, StackedExperts(experts.count, hiddenSize, inner, order: .halves, isTransposed: true),
      Routing(experts.chosen, .sigmoid),
      Experts(count: experts.count, activation: activation, weightsInput: true),
      shared: GatedMLP(hiddenSize, inner, activation: activation),
      names: ["gate": "router", "shared": "shared_expert"])
  }
}

/// x / √(mean(x²) + eps): [rows, width] -> [rows, width].
public struct PlainNorm: UnaryLayer {
  /// Added to the mean square.
  public let eps: Float
  /// [rows, width] -> [rows, width]
  public func callAsFunction(_ x: Tensor) -> Tensor { x.normalized(Norm(.rms, eps: eps)) }
}

extension ConfigJSON {
  /// "no_rope_layers" (1: positions, 0: none), or all but every "no_rope_layer_interval"-th.
  fileprivate func layersWithRope(_ layerCount: Int) throws(ConfigError) -> [Bool] {
    let interval = try self("no_rope_layer_interval", default: 4)
    guard let given: [Int] = try optional("no_rope_layers"), !given.isEmpty else {
      return (0..<layerCount).map { ($0 + 1) % interval != 0 }
    }
    guard given.count >= layerCount else {
      throw ConfigError("\(path(of: "no_rope_layers")) has \(given.count) elements for \(layerCount) layers")
    }
    return given.prefix(layerCount).map { $0 != 0 }
  }

  /// "attention_chunk_size" in the layers that "layer_types" calls "chunked_attention", or in those with positions.
  fileprivate func chunks(_ hasRope: [Bool]) throws(ConfigError) -> [Int?] {
    let size = try has("attention_chunk_size") ? optional("attention_chunk_size", in: Self.lengths) : 8192
    let usual = hasRope.map { $0 ? "chunked_attention" : "full_attention" }
    let types: [String] = try optional("layer_types") ?? usual
    guard types.count == hasRope.count else {
      throw ConfigError("\(path(of: "layer_types")) has \(types.count) elements for \(hasRope.count) layers")
    }
    for type in types where type != "chunked_attention" && type != "full_attention" {
      throw ConfigError("\(path(of: "layer_types")) has \"\(type)\", which is not known")
    }
    return types.map { $0 == "chunked_attention" ? size : nil }
  }
}
