import NeedletailGraph

/// The config of Phi 1, 1.5 and 2 (Li et al. 2023): attention and the feed-forward layer side by side, rotary positions of
/// a part of each head, biases everywhere.
public struct PhiConfig: FieldsConfig {
  /// As the protocol says.
  public let fields: DecoderFields
  /// Whether heads of queries and keys are normalized.
  public let normsHeads: Bool
  /// Positions.
  public let rope: Rope
  /// The norm after the last block.
  public static let stackNames = ["norm": "final_layernorm"]

  /// Reads a config.
  public init(_ json: ConfigJSON) throws {
    fields = try DecoderFields(json, activation: .geluTanh, eps: 1e-5, epsName: "layer_norm_eps")
    normsHeads = try json("qk_layernorm", default: false)
    rope = try fields.rope(json, partial: 0.5)
  }

  /// Yes.
  public var headBias: Bool { true }

  /// With biases.
  public func attention(layer: Int) -> any AttentionLayer {
    let headDim = fields.attention.headDim
    func norm() -> HeadNorm? { normsHeads ? HeadNorm(LayerNorm(headDim, eps: normEps), headDim) : nil }
    return SelfAttention(
      AttentionHeads(fields.attention, rope: rope), bias: true, outputBias: true, qNorm: norm(), kNorm: norm(),
      names: ["oProj": "dense", "qNorm": "q_layernorm", "kNorm": "k_layernorm"])
  }

  /// Without a gate.
  public func feedForward(layer: Int) -> any UnaryLayer {
    PlainMLP(
      hiddenSize, fields.intermediateSize, activation: fields.activation, bias: true,
      names: ["up": "fc1", "down": "fc2"])
  }

  /// With a bias.
  public func norm() -> any UnaryLayer { LayerNorm(hiddenSize, eps: normEps) }
}
