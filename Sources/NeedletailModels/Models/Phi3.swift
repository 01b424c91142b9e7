import NeedletailGraph

/// The config of Phi 3, 3.5 and 4 (Abdin et al. 2024): Llama with fused projections, positions for long contexts, and a
/// window in some.
public struct Phi3Config: BlockConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Positions.
  public let rope: Rope
  /// How many positions a token sees; nil: all.
  public let window: Int?

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, eps: 1e-5)
    rope = try fields.rope(json)
    window = try json.optional("sliding_window", in: ConfigJSON.lengths)
    for name in ["attention_bias", "mlp_bias", "lm_head_bias"] { try json.expect(name, false) }
  }

  /// With one projection for queries, keys and values.
  public func attention(layer: Int) -> any AttentionLayer {
    Phi3Attention(AttentionHeads(fields.attention, rope: rope, window: window))
  }

  /// With one projection for gate and up.
  public func feedForward(layer: Int) -> any UnaryLayer {
    FusedGatedMLP(hiddenSize, fields.intermediateSize, activation: fields.activation)
  }
}

/// Attention with a fused projection, in the order queries, keys, values.
public struct Phi3Attention: FusedAttention {
  /// hidden -> (heads + 2 kv heads) * head width
  public let qkvProj: Linear
  /// heads * head width -> hidden
  public let oProj: Linear
  /// What happens to queries, keys and values.
  public let heads: AttentionHeads

  /// A layer without biases.
  public init(_ heads: AttentionHeads) {
    let shape = heads.shape
    qkvProj = Linear(shape.hiddenSize, shape.fusedWidth, split: .columns)
    oProj = Linear(shape.headCount * shape.headDim, shape.hiddenSize, split: .rows)
    self.heads = heads
  }

  /// The first projection.
  public var qkv: Linear { qkvProj }
  /// How its outputs lie.
  public var order: FusedOrder { .stacked }
  /// The last projection.
  public var output: Linear { oProj }
}
