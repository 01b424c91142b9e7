import NeedletailGraph

/// StableLM 3B and 2 (Bellagente et al. 2024): Llama with layer norms and rotary positions of a quarter of each head;
/// attention and the feed-forward layer side by side in some.
public struct StableLMBlock: DecoderBlock {
  /// Attention.
  public let selfAttn: any AttentionLayer
  /// The feed-forward layer.
  public let mlp: any UnaryLayer
  /// Before attention, and before the feed-forward layer unless that reads the first norm too.
  public let inputLayernorm: any UnaryLayer, postAttentionLayernorm: (any UnaryLayer)?

  /// The block at a place in the stack.
  public init(_ config: StableLMConfig, layer: Int) {
    selfAttn = config.attention(layer: layer)
    mlp = config.feedForward(layer: layer)
    inputLayernorm = config.norm()
    postAttentionLayernorm = config.isParallel ? nil : config.norm()
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

  /// With norms of each head by itself in some.
  public func attention(layer: Int) -> any AttentionLayer {
    let shape = fields.attention
    func norm(_ count: Int) -> StableLMHeadNorm? {
      normsHeads ? StableLMHeadNorm(count, shape.headDim, eps: normEps) : nil
    }
    return SelfAttention(
      AttentionHeads(shape, rope: rope), bias: attentionBias, qNorm: norm(shape.headCount),
      kNorm: norm(shape.kvHeadCount), names: ["qNorm": "q_layernorm", "kNorm": "k_layernorm"])
  }

  /// With a bias.
  public func norm() -> any UnaryLayer { LayerNorm(hiddenSize, eps: normEps) }
}
