import NeedletailGraph

/// The config of Command R and R+ (Cohere 2024), and of Command R7B and Aya, "cohere2": attention and the feed-forward
/// layer side by side, layer norms without biases. In "cohere2" most layers have a window, the others no positions.
public struct CohereConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of attention have biases.
  public let attentionBias: Bool
  /// Whether heads of queries and keys are normalized.
  public let normsHeads: Bool
  /// Positions.
  public let rope: Rope
  /// For each layer, how many positions a token sees; nil: all.
  public let windows: [Int?]
  /// Whether layers that see all have positions.
  public let rotatesAll: Bool
  /// As the protocol says.
  public let logitScale: Float

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, eps: 1e-5, epsName: "layer_norm_eps", tiesEmbeddings: true)
    attentionBias = try json("attention_bias", default: false)
    logitScale = try json.factor("logit_scale", default: 0.0625)
    rotatesAll = try json("model_type", default: "cohere") != "cohere2"
    rope = try fields.rope(json, theta: rotatesAll ? 500_000 : 10_000, isInterleaved: true)
    guard !rotatesAll else {
      normsHeads = try json("use_qk_norm", default: false)
      windows = Array(repeating: nil, count: fields.layerCount)
      return
    }
    normsHeads = false
    try json.expect("use_qk_norm", false)
    let window = try json.has("sliding_window") ? json.optional("sliding_window", in: ConfigJSON.lengths) : 4096
    let period = try json("sliding_window_pattern", default: 4)
    windows = try json.windows(fields.layerCount, of: window) { ($0 + 1) % period != 0 }
  }

  /// Neighbouring dimensions are rotated.
  public func attention(layer: Int) -> any AttentionLayer {
    let shape = fields.attention
    let rope = rotatesAll || windows[layer] != nil ? rope : nil
    func norm(_ count: Int) -> CohereHeadNorm? {
      normsHeads ? CohereHeadNorm(count, shape.headDim, eps: normEps) : nil
    }
    return SelfAttention(
      AttentionHeads(shape, rope: rope, window: windows[layer]), bias: attentionBias, outputBias: attentionBias,
      qNorm: norm(shape.headCount), kNorm: norm(shape.kvHeadCount))
  }

  /// Without a bias.
  public func norm() -> any UnaryLayer { LayerNorm(hiddenSize, eps: normEps, bias: false) }
}

/// The norms of queries or keys, whose weights are one matrix.
public struct CohereHeadNorm: SeparateHeadNorm {
  /// [heads, head width]
  public let weight: Parameter
  /// As the protocol says.
  public let eps: Float

  /// Norms of so many heads of a width.
  public init(_ count: Int, _ headDim: Int, eps: Float) {
    weight = Parameter([count, headDim])
    self.eps = eps
  }

  /// As the protocol says.
  public var headDim: Int { weight.shape[1] }
  /// The rows of the matrix.
  public var parts: [Weight.Part] { (0..<weight.shape[0]).map { weight.part(index: $0) } }
}
