import NeedletailGraph

/// The config of Phi-3.5-MoE (Abdin et al. 2024): layer norms, mixtures of experts routed by SparseMixer, positions for long
/// contexts.
public struct PhiMoEConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of attention have biases.
  public let attentionBias: Bool
  /// As the protocol says.
  public let headBias: Bool
  /// Positions.
  public let rope: Rope
  /// How many positions a token sees; nil: all.
  public let window: Int?
  /// Experts.
  public let expertCount: Int
  /// How near a logit is to the highest to take part in its softmax.
  public let jitter: Float
  /// The mixture's name.
  public static let blockNames = ["mlp": "block_sparse_moe"]

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, kvHeadCount: 8, eps: 1e-5)
    attentionBias = try json("attention_bias", default: false)
    headBias = try json("lm_head_bias", default: false)
    window = try json.optional("sliding_window", in: ConfigJSON.lengths)
    jitter = try json.factor("router_jitter_noise", default: 0.01)
    let (count, chosen) = try json.expertCounts("num_local_experts", default: 16, defaultChosen: 2)
    guard chosen == 2 else {
      throw ConfigError(
        "\(json.path(of: "num_experts_per_tok")) is \(chosen), which is not known; SparseMixer chooses 2")
    }
    expertCount = count
    rope = try Self.rope(json, fields)
  }

  // Cosines and sines have a factor of their own for short and for long sequences.
  private static func rope(_ json: ConfigJSON, _ fields: DecoderFields) throws(ConfigError) -> Rope {
    let rope = try fields.rope(json)
    guard case .longRope = rope.scaling else { return rope }
    let old = try json.group("rope_scaling")
    guard let group = try old?.has("short_mscale") == true ? old : json.group("rope_parameters"),
      let short = try group.positive("short_mscale"), let long = try group.positive("long_mscale")
    else { throw ConfigError("\(json.path(of: "rope_scaling")) has no \"short_mscale\" and \"long_mscale\"") }
    return Rope(
      dimensions: rope.dimensions, theta: rope.theta, scaling: rope.scaling, attentionFactor: short,
      longAttentionFactor: long)
  }

  /// As Llama's.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(
      fields.attention, rope: rope, bias: attentionBias, outputBias: attentionBias, window: window)
  }

  /// Two experts a token.
  public func feedForward(layer: Int) -> any UnaryLayer {
    MixtureOfExperts(
      hiddenSize, SeparateExperts(expertCount, hiddenSize, fields.intermediateSize, names: ["w1", "w3", "w2"]),
      Routing(2, .sparseMixer, jitter: jitter), Experts(count: expertCount, activation: fields.activation))
  }

  /// With a bias.
  public func norm() -> any UnaryLayer { LayerNorm(hiddenSize, eps: normEps) }
}
