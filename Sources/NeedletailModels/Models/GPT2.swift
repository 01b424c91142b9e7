import NeedletailGraph

/// The config of GPT-2 (Radford et al. 2019), of models of GPT-3's sizes (Brown et al. 2020), which differ in these only,
/// and of GPTBigCode (Li et al. 2023), which is GPT-2 with one key head ("multi_query") or with the outputs of its first
/// projection ordered by head, and with weights that are stored as others store them.
public struct GPT2Config: BlockConfig {
  /// The checkpoint's names.
  public static let blockNames = ["selfAttn": "attn", "inputLayernorm": "ln_1", "postAttentionLayernorm": "ln_2"]
  /// The checkpoint's names around the blocks.
  public static let stackNames = [
    "model": "transformer", "embedTokens": "wte", "positions": "wpe", "layers": "h", "norm": "ln_f",
  ]
  /// Causal masks.
  public static let ignoredSuffixes = [".attn.bias"]
  /// Widths and counts of attention.
  public let attention: AttentionShape
  /// How queries, keys and values lie.
  public let order: FusedOrder
  /// Whether matrices are stored [inputs, outputs].
  public let isTransposed: Bool
  /// Inner width of the feed-forward layer.
  public let innerSize: Int
  /// Of the feed-forward layer.
  public let activation: Activation
  /// As the protocol says.
  public let vocabularySize, layerCount, maximumSequenceLength: Int
  /// As the protocol says.
  public let normEps: Float
  /// As the protocol says.
  public let tiesEmbeddings: Bool
  private let scalesScores, scalesByLayer: Bool

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    let isBigCode = try json("model_type", default: "gpt2") == "gpt_bigcode"
    let isMultiQuery = try isBigCode && json("multi_query", default: true)
    attention = try AttentionShape(
      json, hiddenSize: json.name("n_embd", "hidden_size"), headCount: json.name("n_head", "num_attention_heads"),
      kvHeadCount: isMultiQuery ? 1 : nil)
    order = isBigCode && !isMultiQuery ? .byHead : .stacked
    isTransposed = !isBigCode
    innerSize = try json("n_inner", default: 4 * attention.hiddenSize)
    activation = try json.activation("activation_function", default: .geluTanh)
    vocabularySize = try json("vocab_size", in: ConfigJSON.vocabularySizes)
    layerCount = try json(json.name("n_layer", "num_hidden_layers"), in: ConfigJSON.layerCounts)
    maximumSequenceLength = try json(
      json.name("n_positions", "max_position_embeddings", "n_ctx"), default: 1024, in: ConfigJSON.lengths)
    normEps = try json.eps("layer_norm_epsilon", default: 1e-5)
    tiesEmbeddings = try json("tie_word_embeddings", default: true)
    scalesScores = try json("scale_attn_weights", default: true)
    scalesByLayer = try !isBigCode && json("scale_attn_by_inverse_layer_idx", default: false)
    try json.expect("add_cross_attention", false)
  }

  /// As the protocol says.
  public var hiddenSize: Int { attention.hiddenSize }
  /// As the protocol says.
  public var positions: PositionEmbedding? { PositionEmbedding(maximumSequenceLength, hiddenSize) }

  /// With a factor of the scores by layer in some.
  public func attention(layer: Int) -> any AttentionLayer {
    let usual = scalesScores ? 1 / Double(attention.headDim).squareRoot() : 1
    let scale = scalesByLayer ? usual / Double(layer + 1) : usual
    return FusedAttention(
      AttentionHeads(attention, scale: Float(scale)), order, bias: true, isTransposed: isTransposed,
      names: ["qkv": "c_attn", "output": "c_proj"])
  }

  /// Without a gate.
  public func feedForward(layer: Int) -> any UnaryLayer {
    PlainMLP(
      hiddenSize, innerSize, activation: activation, bias: true, isTransposed: isTransposed,
      names: ["up": "c_fc", "down": "c_proj"])
  }

  /// With a bias.
  public func norm() -> any UnaryLayer { LayerNorm(hiddenSize, eps: normEps) }
}
