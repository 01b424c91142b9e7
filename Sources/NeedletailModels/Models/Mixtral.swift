import NeedletailGraph

/// The config of Mixtral (Jiang et al. 2024): Llama with a mixture of experts, and a window in some.
public struct MixtralConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Positions.
  public let rope: Rope
  /// How many positions a token sees; nil: all.
  public let window: Int?
  /// Experts, and those of a token.
  public let experts: (count: Int, chosen: Int)
  /// The mixture's name.
  public static let blockNames = ["mlp": "block_sparse_moe"]

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, kvHeadCount: 8, eps: 1e-5)
    rope = try fields.rope(json)
    window = try json.optional("sliding_window", in: ConfigJSON.lengths)
    experts = try json.expertCounts("num_local_experts", default: 8, defaultChosen: 2)
  }

  /// As Llama's.
  public func attention(layer: Int) -> any AttentionLayer {
    SelfAttention(fields.attention, rope: rope, window: window)
  }

  /// The weights of the chosen experts add up to 1.
  public func feedForward(layer: Int) -> any UnaryLayer {
    MixtureOfExperts(
      hiddenSize, SeparateExperts(experts.count, hiddenSize, fields.intermediateSize, names: ["w1", "w3", "w2"]),
      Routing(experts.chosen, .softmax, renormalizes: true),
      Experts(count: experts.count, activation: fields.activation))
  }
}
