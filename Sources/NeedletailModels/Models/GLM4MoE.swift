import NeedletailGraph

/// The config of GLM-4.5 and 4.6 (Zeng et al. 2025): mixtures of experts chosen as DeepSeek-V3 does, rotary positions of a
/// part of each head, norms of query and key heads in some.
public struct GLM4MoEConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether the projections of queries, keys and values have biases; whether queries and keys are normalized.
  public let attentionBias, normsHeads: Bool
  /// Positions.
  public let rope: Rope
  /// Experts.
  public let mixture: ExpertFields

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, kvHeadCount: 8, eps: 1e-5)
    attentionBias = try json("attention_bias", default: false)
    normsHeads = try json("use_qk_norm", default: false)
    rope = try fields.rope(json, partial: 0.5)
    let usual = ExpertFields.Usual(count: 128, chosen: 8, size: 1408, dense: 1)
    mixture = try ExpertFields(json, layerCount: fields.layerCount, usual: usual) { (chosen) throws(ConfigError) in
      Routing(
        chosen, .sigmoid, renormalizes: try json("norm_topk_prob", default: true),
        scale: try json.factor("routed_scaling_factor"), groups: try json.expertGroups(.topTwo, default: (1, 1)))
    }
  }

  /// As the protocol says.
  public var ignoredLayerCount: Int { mixture.draftCount }

  /// Biases, but none of the output.
  public func attention(layer: Int) -> any AttentionLayer {
    let headDim = fields.attention.headDim
    func norm() -> HeadNorm? { normsHeads ? HeadNorm(RMSNorm(headDim, eps: normEps), headDim) : nil }
    return SelfAttention(
      AttentionHeads(fields.attention, rope: rope), bias: attentionBias, qNorm: norm(), kNorm: norm())
  }

  /// A mixture, or in the first layers none.
  public func feedForward(layer: Int) -> any UnaryLayer {
    mixture.feedForward(layer: layer, fields, choiceBias: true)
  }
}
