import NeedletailGraph

/// StableLM 3B and 2 (Bellagente et al. 2024): Llama with layer norms and rotary positions of a quarter of each head;
/// attention and the feed-forward layer side by side in some.
public struct StableLMBlock: DecoderBlock {
  /// Attention.
  public let selfAttn: SelfAttention
  /// The feed-forward layer.
  public let mlp: GatedMLP
  /// Before attention, and before the feed-forward layer unless that reads the first norm too.
  public let inputLayernorm: LayerNorm, postAttentionLayernorm: LayerNorm?

  /// The block at a place in the stack.
  public init(_ config: StableLMConfig, layer: Int) {
    let heads = AttentionHeads(config.attention, rope: config.rope)
    func norm(_ count: Int) -> StableLMHeadNorm? {
      config.normsHeads ? StableLMHeadNorm(count, config.attention.headDim, eps: config.normEps) : nil
    }
    selfAttn = SelfAttention(
      heads, bias: config.attentionBias, qNorm: norm(config.attention.headCount),
      kNorm: norm(config.attention.kvHeadCount), names: ["qNorm": "q_layernorm", "kNorm": "k_layernorm"])
    mlp = GatedMLP(config.hiddenSize, config.fields.intermediateSize, activation: config.fields.activation)
    inputLayernorm = LayerNorm(config.hiddenSize, eps: config.normEps)
    postAttentionLayernorm = config.isParallel ? nil : LayerNorm(config.hiddenSize, eps: config.normEps)
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let normal = inputLayernorm(x)
    let h = x + selfAttn(normal, step)
    return h + mlp(postAttentionLayernorm.map { $0(h) } ?? normal)
  }
}

/// The norms of queries or keys: "norms.0.weight" is the first head's.
public struct StableLMHeadNorm: SeparateHeadNorm {
  /// One a head.
  public let norms: [LayerNorm]
  /// As the protocol says.
  public let headDim: Int
  /// As the protocol says.
  public let eps: Float

  /// Norms of so many heads of a width.
  public init(_ count: Int, _ headDim: Int, eps: Float) {
    norms = (0..<count).map { _ in LayerNorm(headDim, eps: eps, bias: false) }
    self.headDim = headDim
    self.eps = eps
  }

  /// The weights of all heads.
  public var parts: [Weight.Part] { norms.compactMap { $0.weight?.part() } }
}

/// The config of StableLM.
public struct StableLMConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of queries, keys and values have biases.
  public let attentionBias: Bool
  /// Whether heads of queries and keys are normalized.
  public let normsHeads: Bool
  /// Whether attention and the feed-forward layer read the same norm.
  public let isParallel: Bool
  /// Positions.
  public let rope: Rope

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, kvHeadCount: 32, eps: 1e-5, epsName: "layer_norm_eps")
    attentionBias = try json("use_qkv_bias", default: false)
    normsHeads = try json("qk_layernorm", default: false)
    isParallel = try json("use_parallel_residual", default: false)
    rope = try fields.rope(json, partial: 0.25)
  }

  /// Widths and counts of attention.
  public var attention: AttentionShape { fields.attention }
  /// As the protocol says.
  public var finalNorm: (any UnaryLayer)? { LayerNorm(hiddenSize, eps: normEps) }
}
