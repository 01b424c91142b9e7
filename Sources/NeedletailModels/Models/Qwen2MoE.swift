import NeedletailGraph

/// The config of Qwen 1.5's and 2's mixtures of experts (Yang et al. 2024): Qwen 2 with mixtures in some or all layers, each
/// with a shared expert that has a gate.
public struct Qwen2MoEConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of queries, keys and values have biases.
  public let qkvBias: Bool
  /// Positions.
  public let rope: Rope
  /// For each layer, how many positions a token sees; nil: all.
  public let windows: [Int?]
  /// Experts, and those of a token.
  public let experts: (count: Int, chosen: Int)
  /// Inner width of an expert, of the shared expert.
  public let expertSize, sharedSize: Int
  /// Whether the weights of a token's experts are made to add up to 1.
  public let renormalizes: Bool
  /// For each layer, whether it is a mixture.
  public let isSparse: [Bool]

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, kvHeadCount: 16)
    qkvBias = try json("qkv_bias", default: true)
    rope = try fields.rope(json)
    var window: Int?
    if try json("use_sliding_window", default: false) {
      window = try json.has("sliding_window") ? json.optional("sliding_window", in: ConfigJSON.lengths) : 4096
    }
    let end = try json("max_window_layers", default: 28, in: 0...Int(Int32.max))
    windows = try json.windows(fields.layerCount, of: window) { $0 % 2 == 0 && $0 < end }
    experts = try json.expertCounts(json.name("num_experts", "num_local_experts"), default: 60, defaultChosen: 4)
    expertSize = try json("moe_intermediate_size", default: 1408)
    sharedSize = try json("shared_expert_intermediate_size", default: 5632)
    renormalizes = try json("norm_topk_prob", default: false)
    isSparse = try json.sparseLayers(fields.layerCount)
  }

  /// Biases, but none of the output.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(fields.attention, rope: rope, bias: qkvBias, window: windows[layer])
  }

  /// A mixture, or Qwen 2's.
  public func feedForward(layer: Int) -> any UnaryLayer {
    guard isSparse[layer] else { return GatedMLP(hiddenSize, fields.intermediateSize, activation: fields.activation) }
    return MixtureOfExperts(
      hiddenSize, SeparateExperts(experts.count, hiddenSize, expertSize),
      Routing(experts.chosen, .softmax, renormalizes: renormalizes),
      Experts(count: experts.count, activation: fields.activation),
      shared: GatedSharedExpert(hiddenSize, sharedSize, activation: fields.activation), names: ["shared": ""])
  }
}
