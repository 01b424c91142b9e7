import NeedletailGraph

/// Phi 1, 1.5 and 2 as they were published first, "phi-msft": the mathematics of "phi" under other names.
public struct PhiMSFT: LanguageModel {
  /// Token ids to hidden states, without the last norm.
  public let transformer: PhiMSFTStack
  /// The last norm and the head.
  public let lmHead: PhiMSFTHead
  /// Tokens in the vocabulary.
  public let vocabularySize: Int
  /// The longest sequence the model is made for, in tokens.
  public let maximumSequenceLength: Int

  /// The model a config describes.
  public init(_ json: ConfigJSON) throws {
    let shape = try AttentionShape(
      json, hiddenSize: "n_embd", headCount: "n_head", kvHeadCount: json.optional("n_head_kv"))
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    maximumSequenceLength = try json("n_positions", default: 2048, in: ConfigJSON.lengths)
    let eps = try json.eps("layer_norm_epsilon", default: 1e-5)
    let rotated = try json("rotary_dim", default: 32, in: 2...shape.headDim)
    guard rotated % 2 == 0 else {
      throw ConfigError("\(json.path(of: "rotary_dim")) is \(rotated), which is not even")
    }
    let heads = AttentionHeads(shape, rope: Rope(dimensions: rotated, theta: 10_000))
    let innerSize = try json("n_inner", default: 4 * shape.hiddenSize)
    let activation = try json.activation("activation_function", default: .geluTanh)
    try json.expect("tie_word_embeddings", false)
    let layers = try (0..<json("n_layer", in: ConfigJSON.layerCounts)).map { _ in
      PhiMSFTBlock(heads, innerSize, activation, eps: eps)
    }
    transformer = PhiMSFTStack(wte: Embedding(vocabularySize, shape.hiddenSize), h: layers)
    lmHead = PhiMSFTHead(
      ln: LayerNorm(shape.hiddenSize, eps: eps),
      linear: Linear(shape.hiddenSize, vocabularySize, bias: true, split: .columns))
  }

  /// The logits of every token: [tokens, vocabulary].
  public func callAsFunction(_ step: Step) -> Tensor {
    var x = transformer.wte(step.tokenIDs)
    for layer in transformer.h { x = layer.scope(in: step.builder) { layer(x, step) } }
    return lmHead.linear(lmHead.ln(x))
  }
}

/// Embedding and blocks.
public struct PhiMSFTStack: Layer {
  /// The checkpoint's names.
  public static let checkpointNames = ["wte": "embd.wte"]
  /// [vocabulary, hidden]
  public let wte: Embedding
  /// In order.
  public let h: [PhiMSFTBlock]
}

/// The last norm and the head.
public struct PhiMSFTHead: Layer {
  /// Before the head.
  public let ln: LayerNorm
  /// hidden -> vocabulary
  public let linear: Linear
}

/// Attention and the feed-forward layer side by side.
public struct PhiMSFTBlock: Layer {
  /// Before both.
  public let ln: LayerNorm
  /// Attention.
  public let mixer: PhiMSFTAttention
  /// The feed-forward layer.
  public let mlp: PlainMLP

  init(_ heads: AttentionHeads, _ innerSize: Int, _ activation: Activation, eps: Float) {
    let width = heads.shape.hiddenSize
    ln = LayerNorm(width, eps: eps)
    mixer = PhiMSFTAttention(heads)
    mlp = PlainMLP(width, innerSize, activation: activation, bias: true, up: "fc1", down: "fc2")
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let normal = ln(x)
    return x + mixer(normal, step) + mlp(normal)
  }
}

/// Attention with a fused projection, in the order queries, keys, values.
public struct PhiMSFTAttention: FusedAttention {
  /// The checkpoint's names.
  public static let checkpointNames = ["wqkv": "Wqkv"]
  /// hidden -> (heads + 2 kv heads) * head width
  public let wqkv: Linear
  /// heads * head width -> hidden
  public let outProj: Linear
  /// What happens to queries, keys and values.
  public let heads: AttentionHeads

  init(_ heads: AttentionHeads) {
    let shape = heads.shape
    wqkv = Linear(shape.hiddenSize, shape.fusedWidth, bias: true, split: .columns)
    outProj = Linear(shape.headCount * shape.headDim, shape.hiddenSize, bias: true, split: .rows)
    self.heads = heads
  }

  /// The first projection.
  public var qkv: Linear { wqkv }
  /// How its outputs lie.
  public var order: FusedOrder { .stacked }
  /// The last projection.
  public var output: Linear { outProj }
}
