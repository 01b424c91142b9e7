import NeedletailGraph

/// DBRX (Databricks 2024): mixtures of experts, layer norms without biases, one bounded projection for queries, keys and
/// values.
public struct DBRXBlock: DecoderBlock {
  /// The checkpoint's.
  public static let checkpointNames = [
    "norm1": "norm_attn_norm.norm_1", "norm2": "norm_attn_norm.norm_2", "wqkv": "norm_attn_norm.attn.Wqkv",
    "outProj": "norm_attn_norm.attn.out_proj",
  ]
  /// The checkpoint's.
  public static let stackNames = [
    "model": "transformer", "embedTokens": "wte", "layers": "blocks", "norm": "norm_f",
  ]
  /// Before attention, before the mixture.
  public let norm1, norm2: LayerNorm
  /// hidden -> (heads + 2 kv heads) * head width
  public let wqkv: Linear
  /// heads * head width -> hidden
  public let outProj: Linear
  /// The mixture.
  public let ffn: MixtureOfExperts
  /// Between the projections.
  public let heads: AttentionHeads
  /// Of queries, keys and values, to both sides of 0; nil: none.
  public let bound: Float?

  /// The block at a place in the stack.
  public init(_ config: DBRXConfig, layer: Int) {
    let (shape, width, count) = (config.attention, config.hiddenSize, config.experts.count)
    norm1 = LayerNorm(width, eps: config.normEps, bias: false)
    norm2 = LayerNorm(width, eps: config.normEps, bias: false)
    wqkv = Linear(width, shape.fusedWidth, split: .columns)
    outProj = Linear(width, width, split: .rows)
    ffn = MixtureOfExperts(
      width, DBRXExperts(count, width, config.expertSize),
      Routing(config.experts.chosen, .softmax, renormalizes: config.renormalizes),
      Experts(count: count, activation: config.activation), names: ["gate": "router.layer", "experts": "experts.mlp"])
    heads = AttentionHeads(shape, rope: config.rope)
    bound = config.bound
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let normal = norm1(x)
    let (width, kvWidth) = (heads.shape.headCount * heads.shape.headDim, heads.shape.kvHeadCount * heads.shape.headDim)
    let rows = [0..<width, width..<width + kvWidth, width + kvWidth..<width + 2 * kvWidth]
    let parts = rows.map { range in
      let part = wqkv.part(rows: range)(normal)
      return bound.map { part.clamped(to: -$0...$0) } ?? part
    }
    let h = x + outProj(heads(parts[0], parts[1], parts[2], step))
    return h + ffn(norm2(h))
  }
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

/// The config of DBRX.
public struct DBRXConfig: DecoderConfig {
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
  /// Without a bias.
  public var finalNorm: (any UnaryLayer)? { LayerNorm(hiddenSize, eps: normEps, bias: false) }

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
}
