import NeedletailGraph

/// The config of MiniMax-M2 (MiniMax 2025): mixtures chosen by sigmoids with biases, norms of queries and keys over all
/// heads together, rotary positions of a part of each head. Layers for drafting tokens are not read.
public struct MiniMaxM2Config: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Positions.
  public let rope: Rope
  /// Experts, and those of a token.
  public let experts: (count: Int, chosen: Int)
  /// Layers behind the last one that checkpoints may have for drafting, and that are not read.
  public let ignoredLayerCount: Int
  /// The mixture's name.
  public static let blockNames = ["mlp": "block_sparse_moe"]

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, kvHeadCount: 8, headDim: 128)
    let headDim = fields.attention.headDim
    let rotated = try json("rotary_dim", default: headDim, in: 2...max(headDim, 2))
    rope = try fields.rope(json, theta: 5_000_000, partial: Double(rotated) / Double(headDim))
    experts = try json.expertCounts(json.name("num_local_experts", "num_experts"), default: 256, defaultChosen: 8)
    try json.expect("scoring_func", "sigmoid")
    try json.expect("use_qk_norm", true)
    try json.expect("qk_norm_type", "per_layer")
    try json.expect("use_routing_bias", true)
    if let width = try json.optional("shared_intermediate_size", in: 0...ConfigJSON.sizes.upperBound), width > 0 {
      throw ConfigError("\(json.path(of: "shared_intermediate_size")) is \(width): shared experts are not known here")
    }
    if let kinds: [Int] = try json.optional("attn_type_list"), !kinds.allSatisfy({ $0 == 1 }) {
      throw ConfigError("\(json.path(of: "attn_type_list")) has a number that is not 1, which is not known")
    }
    let drafts = try json("num_mtp_modules", default: 0, in: 0...1000)
    ignoredLayerCount = try drafts * json("mtp_transformer_layers", default: 1, in: 0...1000)
  }

  /// Queries and keys are normalized whole.
  public func attention(layer: Int) -> any AttentionLayer {
    let shape = fields.attention
    return SelfAttention(
      AttentionHeads(shape, rope: rope), qNorm: RMSNorm(shape.headCount * shape.headDim, eps: normEps),
      kNorm: RMSNorm(shape.kvHeadCount * shape.headDim, eps: normEps))
  }

  /// A mixture.
  public func feedForward(layer: Int) -> any UnaryLayer {
    MixtureOfExperts(
      hiddenSize, SeparateExperts(experts.count, hiddenSize, fields.intermediateSize, names: ["w1", "w3", "w2"]),
      Routing(experts.chosen, .sigmoid, renormalizes: true),
      Experts(count: experts.count, activation: fields.activation), choiceBias: true,
      names: ["choiceBias": "e_score_correction_bias"])
  }
}
