import NeedletailGraph

/// The config of SmolLM 3 (Hugging Face 2025): Llama without positions in every fourth layer.
public struct SmolLM3Config: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of attention, and those of the feed-forward layer, have biases.
  public let attentionBias, mlpBias: Bool
  /// Positions.
  public let rope: Rope
  /// For each layer, whether it has positions.
  public let rotates: [Bool]
  /// For each layer, how many positions a token sees; nil: all.
  public let windows: [Int?]

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    let fields = try DecoderFields(json, kvHeadCount: 4, tiesEmbeddings: true)
    self.fields = fields
    attentionBias = try json("attention_bias", default: false)
    mlpBias = try json("mlp_bias", default: false)
    rope = try fields.rope(json, theta: 2_000_000)
    let interval = try json("no_rope_layer_interval", default: 4)
    // The field's name notwithstanding, 1 is a layer with positions.
    let given: [Int]? = try json.optional("no_rope_layers")
    let flags = given ?? (0..<fields.layerCount).map { ($0 + 1) % interval == 0 ? 0 : 1 }
    guard flags.count >= fields.layerCount, flags.allSatisfy({ 0...1 ~= $0 }) else {
      throw ConfigError("\(json.path(of: "no_rope_layers")) is not a 0 or 1 for each of \(fields.layerCount) layers")
    }
    let rotates = flags.map { $0 == 1 }
    self.rotates = rotates
    var window: Int?
    if try json("use_sliding_window", default: false) {
      window = try json.optional("sliding_window", in: ConfigJSON.lengths)
    }
    windows = try json.windows(fields.layerCount, of: window) { !rotates[$0] }
  }

  /// With or without positions.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(
      fields.attention, rope: rotates[layer] ? rope : nil, bias: attentionBias, outputBias: attentionBias,
      window: windows[layer])
  }

  /// Gated.
  public func feedForward(layer: Int) -> any UnaryLayer {
    GatedMLP(hiddenSize, fields.intermediateSize, activation: fields.activation, bias: mlpBias)
  }
}
