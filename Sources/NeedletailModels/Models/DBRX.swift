import NeedletailGraph

/// The config of DBRX (Databricks 2024): mixtures of experts, layer norms without biases, one bounded projection for
/// queries, keys and values.
public struct DBRXConfig: BlockConfig {
  /// The checkpoint's names.
  public static let blockNames = [
    "selfAttn": "norm_attn_norm.attn", "mlp": "ffn", "inputLayernorm": "norm_attn_norm.norm_1",
    "postAttentionLayernorm": "norm_attn_norm.norm_2",
  ]
  /// The checkpoint's names around the blocks.
  public static let stackNames = [
    "model": "transformer", "embedTokens": "wte", "layers": "blocks", "norm": "norm_f",
  ]
  /// Widths and counts of attention.
  public let attention: AttentionShape
  /// Bound of queries, keys and values; nil: none.
  public let bound: Float?
  /// Positions.
  public let rope: Rope
  /// Experts, and those of a token.
  public let experts: (count: Int, chosen: Int)
  /// Inner width of an expert.
  public let expertSize: Int
  /// Of an expert's gate.
  public let activation: Activation
  /// Whether the weights of a token's experts are made to add up to 1.
  public let renormalizes: Bool
  /// As the protocol says.
  public let vocabularySize, layerCount, maximumSequenceLength: Int
  /// As the protocol says.
  public let tiesEmbeddings: Bool
  /// As the protocol says.
  public var hiddenSize: Int { attention.hiddenSize }
  /// As the protocol says.
  public var normEps: Float { 1e-5 }

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    guard let attn = try json.group("attn_config"), let ffn = try json.group("ffn_config") else {
      throw ConfigError("\(json.path(of: "attn_config")) or \(json.path(of: "ffn_config")) is missing")
    }
    attention = try AttentionShape(
      json, hiddenSize: "d_model", headCount: "n_heads", kvHeadCount: attn("kv_n_heads", default: 1))
    bound = try attn.positive("clip_qkv")
    maximumSequenceLength = try json("max_seq_len", in: ConfigJSON.lengths)
    rope = try Rope(
      json, headDim: attention.headDim, maximumSequenceLength: maximumSequenceLength,
      theta: attn("rope_theta", default: 10_000.0))
    experts = try ffn.expertCounts("moe_num_experts", default: 4, chosenName: "moe_top_k", defaultChosen: 1)
    expertSize = try ffn("ffn_hidden_size", default: 3584)
    activation = try ffn.group("ffn_act_fn")?.activation("name", default: .silu) ?? .silu
    try ffn.expect("moe_normalize_expert_weights", Float(1))
    renormalizes =
      try !ffn.has("moe_normalize_expert_weights") || ffn.optional("moe_normalize_expert_weights") == Float(1)
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    layerCount = try json("n_layers", in: ConfigJSON.layerCounts)
    tiesEmbeddings = try json("tie_word_embeddings", default: false)
  }

  /// With bounds.
  public func attention(layer: Int) -> any AttentionLayer {
    FusedAttention(
      AttentionHeads(attention, rope: rope), bound: bound, names: ["qkv": "Wqkv", "output": "out_proj"])
  }

  /// A mixture.
  public func feedForward(layer: Int) -> any UnaryLayer {
    MixtureOfExperts(
      hiddenSize, DBRXExperts(experts.count, hiddenSize, expertSize),
      Routing(experts.chosen, .softmax, renormalizes: renormalizes),
      Experts(count: experts.count, activation: activation), names: ["gate": "router.layer", "experts": "experts.mlp"])
  }

  /// Without a bias.
  public func norm() -> any UnaryLayer { LayerNorm(hiddenSize, eps: normEps, bias: false) }
}

/// Experts whose rows lie one after the other in matrices [experts * inner, width].
public struct DBRXExperts: ExpertWeights {
  /// Gates, what they multiply, and, with its dimensions exchanged, the last projection.
  public let w1, v1, w2: Parameter
  /// How many experts there are.
  public let count: Int
  private let inner: Int

  /// Experts of a width and an inner width.
  public init(_ count: Int, _ width: Int, _ inner: Int) {
    w1 = Parameter([count * inner, width], split: .experts)
    v1 = Parameter([count * inner, width], split: .experts)
    w2 = Parameter([width, count * inner], split: .experts, isTransposed: true)
    self.count = count
    self.inner = inner
  }

  private func rows(_ expert: Int) -> Range<Int> { expert * inner..<(expert + 1) * inner }
  /// Two parts an expert.
  public var gateUp: [Weight.Part] { (0..<count).flatMap { [w1.part(rows: rows($0)), v1.part(rows: rows($0))] } }
  /// Columns of the last matrix.
  public var down: [Weight.Part] {
    (0..<count).map { expert in
      var part = w2.part()
      part.columns = rows(expert)
      return part
    }
  }
  /// None.
  public var biases: (gateUp: [Weight.Part], down: [Weight.Part])? { nil }
}
