import NeedletailGraph

/// The block of Llama 1 to 3 (Touvron et al. 2023, Dubey et al. 2024) and of Mistral (Jiang et al. 2023), which is Llama
/// with a window.
public typealias LlamaBlock = PreNormBlock<LlamaConfig>

/// The config of Llama, Mistral and Ministral. What is left out counts as in the `transformers` library.
public struct LlamaConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of attention, and those of the feed-forward layer, have biases.
  public let attentionBias, mlpBias: Bool
  /// Positions.
  public let rope: Rope
  /// For each layer, how many positions a token sees; nil: all.
  public let windows: [Int?]

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    let isMistral = try ["mistral", "ministral"].contains(json("model_type", default: "llama"))
    fields = try DecoderFields(json, kvHeadCount: isMistral ? 8 : nil)
    attentionBias = try !isMistral && json("attention_bias", default: false)
    mlpBias = try !isMistral && json("mlp_bias", default: false)
    rope = try fields.rope(json)
    windows =
      try isMistral
      ? json.windows(fields.layerCount, default: 4096) : Array(repeating: nil, count: fields.layerCount)
  }

  /// Without norms of queries and keys.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(
      fields.attention, rope: rope, bias: attentionBias, outputBias: attentionBias, window: windows[layer])
  }

  /// Gated.
  public func feedForward(layer: Int) -> any UnaryLayer {
    GatedMLP(hiddenSize, fields.intermediateSize, activation: fields.activation, bias: mlpBias)
  }
}
