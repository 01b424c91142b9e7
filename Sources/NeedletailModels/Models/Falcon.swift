import NeedletailGraph

/// Falcon (Almazrouei et al. 2023): attention and the feed-forward layer side by side with one norm (7B) or one each (40B,
/// 180B), or one after the other (RW).
public struct FalconBlock: DecoderBlock {
  /// Before attention; before the feed-forward layer, nil: the same. Their names differ from variant to variant.
  public let inputLayernorm, postAttentionLayernorm, lnAttn, lnMlp: LayerNorm?
  /// Attention.
  public let selfAttention: FusedAttention
  /// The feed-forward layer.
  public let mlp: PlainMLP
  /// Whether both read the block's input.
  public let isParallel: Bool
  /// The checkpoint's names around the blocks.
  public static let stackNames = [
    "model": "transformer", "embedTokens": "word_embeddings", "layers": "h", "norm": "ln_f",
  ]

  /// The block at a place in the stack.
  public init(_ config: FalconConfig, layer: Int) {
    func norm(_ isThere: Bool) -> LayerNorm? { isThere ? LayerNorm(config.hiddenSize, eps: config.normEps) : nil }
    inputLayernorm = norm(!config.hasTwoParallelNorms)
    postAttentionLayernorm = norm(!config.isParallel)
    lnAttn = norm(config.hasTwoParallelNorms)
    lnMlp = norm(config.hasTwoParallelNorms)
    selfAttention = FusedAttention(
      AttentionHeads(config.attention, rope: config.rope, alibiSlopes: config.alibiSlopes), .byHead, bias: config.bias,
      names: MegatronNames.attention)
    mlp = PlainMLP(
      config.hiddenSize, config.innerSize, activation: config.activation, bias: config.bias, names: MegatronNames.mlp)
    isParallel = config.isParallel
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    func normed(_ norm: LayerNorm?, _ x: Tensor) -> Tensor { norm.map { $0(x) } ?? x }
    let forAttention = normed(lnAttn ?? inputLayernorm, x)
    let h = x + selfAttention(forAttention, step)
    guard isParallel else { return h + mlp(normed(postAttentionLayernorm, h)) }
    return h + mlp(lnMlp.map { $0(x) } ?? forAttention)
  }
}

/// The config of Falcon.
public struct FalconConfig: DecoderConfig {
  /// Widths and counts of attention.
  public let attention: AttentionShape
  /// Positions; nil: penalties of distances instead.
  public let rope: Rope?
  /// Those penalties.
  public let alibiSlopes: [Float]?
  /// Whether projections have biases.
  public let bias: Bool
  /// Inner width of the feed-forward layer.
  public let innerSize: Int
  /// Of the feed-forward layer.
  public let activation: Activation
  /// Whether attention and the feed-forward layer both read the block's input, each with its own norm.
  public let isParallel, hasTwoParallelNorms: Bool
  /// As the protocol says.
  public let vocabularySize, layerCount, maximumSequenceLength: Int
  /// As the protocol says.
  public let normEps: Float
  /// As the protocol says.
  public let tiesEmbeddings: Bool

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    let hasGroups = try json("new_decoder_architecture", default: false)
    let (widthName, headsName) = (json.name("hidden_size", "n_embed"), json.name("num_attention_heads", "n_head"))
    let heads = try json(headsName)
    let groups = try json(json.name("num_kv_heads", "n_head_kv"), default: heads)
    let isMultiQuery = try !hasGroups && json("multi_query", default: true)
    guard hasGroups || isMultiQuery || groups == heads else {
      throw ConfigError("\(json.path(of: "num_kv_heads")) is \(groups), which needs \"new_decoder_architecture\"")
    }
    attention = try AttentionShape(
      json, hiddenSize: widthName, headCount: headsName, kvHeadCount: isMultiQuery ? 1 : groups)
    isParallel = try json("parallel_attn", default: true)
    let norms = try json("num_ln_in_parallel_attn", default: hasGroups ? 2 : 1, in: 1...2)
    hasTwoParallelNorms = hasGroups && norms == 2
    guard hasGroups ? isParallel : norms == 1 else {
      throw ConfigError(
        "\(json.path(of: "new_decoder_architecture")) is \(hasGroups), which does not go with \"parallel_attn\" "
          + "\(isParallel) and \"num_ln_in_parallel_attn\" \(norms)")
    }
    try json.expect("apply_residual_connection_post_layernorm", false)
    bias = try json("bias", default: false)
    innerSize = try json("ffn_hidden_size", default: 4 * attention.hiddenSize)
    activation = try json.activation("activation", default: .gelu)
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    layerCount = try json(json.name("num_hidden_layers", "n_layer"), in: ConfigJSON.layerCounts)
    maximumSequenceLength = try json("max_position_embeddings", default: 2048, in: ConfigJSON.lengths)
    normEps = try json.eps("layer_norm_epsilon", default: 1e-5)
    tiesEmbeddings = try json("tie_word_embeddings", default: true)
    let usesALiBi = try json("alibi", default: false)
    rope =
      usesALiBi ? nil : try Rope(json, headDim: attention.headDim, maximumSequenceLength: maximumSequenceLength)
    // The reference rounds slopes to bfloat16, and adds penalties twice: to the scores before they are divided by the
    // root of the head's width, and, divided by it, with the causal mask.
    let scale = 2 / Float(attention.headDim).squareRoot()
    alibiSlopes = usesALiBi ? ALiBi.slopes(headCount: heads).map { $0.roundedToBFloat16 * scale } : nil
  }

  /// As the protocol says.
  public var hiddenSize: Int { attention.hiddenSize }
  /// As the protocol says.
  public var finalNorm: (any UnaryLayer)? { LayerNorm(hiddenSize, eps: normEps) }
}

extension Float {
  /// The nearest number with eight significant bits, ties to even.
  fileprivate var roundedToBFloat16: Float { FloatBits.float(bfloat16: FloatBits.bfloat16(self)) }
}
