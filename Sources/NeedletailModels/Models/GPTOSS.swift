import NeedletailGraph

/// The config of gpt-oss (OpenAI 2025): mixtures of experts with a bounded gate, attention with sinks, windows in every
/// other layer, biases everywhere.
public struct GPTOSSConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of attention have biases.
  public let attentionBias: Bool
  /// Positions.
  public let rope: Rope
  /// For each layer, how many positions a token sees; nil: all.
  public let windows: [Int?]
  /// Experts, and those of a token.
  public let experts: (count: Int, chosen: Int)
  /// Bound of gates and what they multiply.
  public let limit: Float

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, kvHeadCount: 8, headDim: 64, eps: 1e-5)
    try json.expect("hidden_act", "silu")
    attentionBias = try json("attention_bias", default: true)
    let hasRope = try json.group("rope_parameters") != nil || json.group("rope_scaling") != nil
    rope =
      hasRope
      ? try fields.rope(json, theta: 150_000)
      : Rope(
        dimensions: fields.attention.headDim, theta: try json("rope_theta", default: 150_000.0),
        scaling: .fixed(.yarn(factor: 32, betaFast: 32, betaSlow: 1, originalLength: 4096, truncates: false)),
        attentionFactor: 1.346_573_6)
    let window = try json.has("sliding_window") ? json.optional("sliding_window", in: ConfigJSON.lengths) : 128
    windows = try json.windows(fields.layerCount, of: window) { $0 % 2 == 0 }
    experts = try json.expertCounts(
      json.name("num_local_experts", "num_experts"), default: 128,
      chosenName: json.name("num_experts_per_tok", "experts_per_token"), defaultChosen: 4)
    // x σ(1.702 x) is the only gate that is known.
    try json.expect("swiglu_alpha", Float(1.702))
    limit = try json.positive("swiglu_limit", default: 7) ?? .infinity
  }

  /// With sinks.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(
      AttentionHeads(fields.attention, rope: rope, window: windows[layer]), bias: attentionBias,
      outputBias: attentionBias, sinks: true)
  }

  /// (up + 1) * gate σ(1.702 gate), bounded.
  public func feedForward(layer: Int) -> any UnaryLayer {
    MixtureOfExperts(
      hiddenSize,
      StackedExperts(
        experts.count, hiddenSize, fields.intermediateSize, order: .interleaved, isTransposed: true, bias: true),
      Routing(experts.chosen, .softmaxOfChosen),
      Experts(count: experts.count, activation: .quickGelu, limit: limit, upOffset: 1), routerBias: true,
      names: ["gate": "router"])
  }
}
