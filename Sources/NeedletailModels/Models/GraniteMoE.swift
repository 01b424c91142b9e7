import NeedletailGraph

/// The config of Granite 3's mixtures of experts (IBM 2024): Granite with mixtures whose matrices are stacked.
public struct GraniteMoEConfig: FieldsConfig {
  /// Granite's fields.
  public let granite: GraniteConfig
  /// Experts, and those of a token.
  public let experts: (count: Int, chosen: Int)
  /// The mixture's name.
  public static let blockNames = ["mlp": "block_sparse_moe"]

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    granite = try GraniteConfig(json)
    experts = try json.expertCounts("num_local_experts", default: 8, defaultChosen: 2)
  }

  /// As Granite's.
  public var fields: DecoderFields { granite.fields }
  /// As Granite's.
  public var embeddingScale: Float { granite.embeddingScale }
  /// As Granite's.
  public var residualScale: Float { granite.residualScale }
  /// As Granite's.
  public var logitScale: Float { granite.logitScale }

  /// As Granite's.
  public func attention(layer: Int) -> any AttentionLayer { granite.attention(layer: layer) }

  /// The weights are a softmax over the chosen experts.
  public func feedForward(layer: Int) -> any UnaryLayer {
    MixtureOfExperts(
      hiddenSize,
      StackedExperts(
        experts.count, hiddenSize, fields.intermediateSize, order: .halves, isTransposed: false,
        names: ["gateUpProj": "input_linear.weight", "downProj": "output_linear.weight"]),
      Routing(experts.chosen, .softmaxOfChosen), Experts(count: experts.count, activation: fields.activation),
      names: ["gate": "router.layer", "experts": ""])
  }
}
