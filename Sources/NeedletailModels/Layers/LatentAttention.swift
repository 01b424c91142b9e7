import NeedletailGraph

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The sizes of multi-head latent attention.
public struct LatentAttentionShape: Hashable, Sendable {
  /// Width of the model.
  public var hiddenSize: Int
  /// Query heads.
  public var headCount: Int
  /// Width of what queries are made of; nil: of the model's own rows.
  public var queryRank: Int?
  /// Width of the latent that keys and values are made of.
  public var rank: Int
  /// Dimensions of a query and key that are not rotated, and those that are.
  public var plainDim, rotaryDim: Int
  /// Dimensions of a value.
  public var valueDim: Int

  /// Reads "q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim". A missing "q_lora_rank"
  /// counts as null: DeepSeek-V2-Lite has none, and configs that have one say it.
  public init(_ json: ConfigJSON) throws(ConfigError) {
    hiddenSize = try json("hidden_size")
    headCount = try json("num_attention_heads")
    queryRank = try json.optional("q_lora_rank")
    rank = try json("kv_lora_rank", default: 512)
    plainDim = try json("qk_nope_head_dim", default: 128)
    rotaryDim = try json("qk_rope_head_dim", default: 64)
    valueDim = try json("v_head_dim", default: 128)
    guard try json("num_key_value_heads", default: headCount) == headCount else {
      throw ConfigError("\(json.path(of: "num_key_value_heads")) is not \(headCount), the number of query heads")
    }
    let widest = max(plainDim + rotaryDim, plainDim + valueDim, rank)
    guard ConfigJSON.sizes ~= headCount * widest else {
      throw ConfigError("\(json.path(of: "num_attention_heads")) is \(headCount), too much for heads of \(widest)")
    }
  }
}

/// Multi-head latent attention (DeepSeek-AI 2024, arXiv 2405.04434): keys and values of all heads are made of one latent
/// row a token, which is all that is kept of it besides one rotated key: [tokens, hidden] -> [tokens, hidden].
///
/// A head's key is U c, of the latent c: its score with a query is q · U c = Uᵀq · c. So queries are brought to the
/// latents' space instead of keys to the heads', attention has one key head whose values are the latents themselves, and
/// each head's mixture of latents becomes its value afterwards. The sums are the paper's, in another order.
public struct LatentAttention: AttentionLayer {
  /// hidden -> heads * query width; nil: queries are made in two steps.
  public let qProj: Linear?
  /// hidden -> query rank
  public let qAProj: Linear?
  /// Between the two.
  public let qALayernorm: RMSNorm?
  /// query rank -> heads * query width
  public let qBProj: Linear?
  /// hidden -> latent, then one rotated key
  public let kvAProjWithMqa: Linear
  /// Of the latent.
  public let kvALayernorm: RMSNorm
  /// latent -> of each head a key, then a value
  public let kvBProj: Linear
  /// heads * value width -> hidden
  public let oProj: Linear
  /// Sizes.
  public let shape: LatentAttentionShape
  /// Positions.
  public let rope: Rope
  /// Factor of the scores.
  public let scale: Float

  // Both norms have the class's own eps in the reference, whatever the config says.
  private static let eps: Float = 1e-6

  /// A layer. `bias`: of the first projections and of the last one.
  public init(_ shape: LatentAttentionShape, rope: Rope, scale: Float, bias: Bool = false) {
    let (hidden, heads) = (shape.hiddenSize, shape.headCount)
    let width = heads * (shape.plainDim + shape.rotaryDim)
    qProj = shape.queryRank == nil ? Linear(hidden, width, split: .columns) : nil
    qAProj = shape.queryRank.map { Linear(hidden, $0, bias: bias) }
    qALayernorm = shape.queryRank.map { RMSNorm($0, eps: Self.eps) }
    qBProj = shape.queryRank.map { Linear($0, width, split: .columns) }
    kvAProjWithMqa = Linear(hidden, shape.rank + shape.rotaryDim, bias: bias)
    kvALayernorm = RMSNorm(shape.rank, eps: Self.eps)
    kvBProj = Linear(shape.rank, heads * (shape.plainDim + shape.valueDim), split: .columns)
    oProj = Linear(heads * shape.valueDim, hidden, bias: bias, split: .rows)
    self.shape = shape
    self.rope = rope
    self.scale = scale
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    scope(in: x.builder) {
      let (heads, plain, rotary) = (Dim.fixed(shape.headCount), shape.plainDim, shape.rotaryDim)
      let q = queries(x).reshaped(.tokens, heads, .fixed(plain + rotary))
      let latent = kvAProjWithMqa(x)  // [tokens, rank + rotary]
      let key = kvALayernorm(latent.columns(0..<shape.rank)).reshaped(.tokens, 1, .fixed(shape.rank))
      let rotated = latent.columns(shape.rank..<shape.rank + rotary).reshaped(.tokens, 1, .fixed(rotary))
      let (keys, values) = parts(in: x.builder)
      let mixed = step.attend(
        q.columns(0..<plain).headLinear(keys, isTransposed: true)
          .concatenated(rope(q.columns(plain..<plain + rotary), step)),  // [tokens, heads, rank + rotary]
        key.concatenated(rope(rotated, step)), valuesFromKeys: shape.rank, scale: scale)  // [tokens, heads, rank]
      return oProj(mixed.headLinear(values).reshaped(.tokens, .fixed(shape.headCount * shape.valueDim)))
    }
  }

  private func queries(_ x: Tensor) -> Tensor {
    guard let qAProj, let qALayernorm, let qBProj else {
      guard let qProj else { preconditionFailure("no projection of queries") }
      return qProj(x)
    }
    return qBProj(qALayernorm(qAProj(x)))
  }

  // Each head's keys [heads * plain, rank] and values [heads * value, rank] of a latent.
  private func parts(in builder: GraphBuilder) -> (keys: Tensor, values: Tensor) {
    let (plain, period) = (shape.plainDim, shape.plainDim + shape.valueDim)
    return kvBProj.scope(in: builder) {
      (
        kvBProj.weight.tensor(in: builder, rows: 0..<plain, period: period),
        kvBProj.weight.tensor(in: builder, rows: plain..<period, period: period)
      )
    }
  }
}

extension LatentAttention {
  /// The usual factor of the scores, 1 / √(width of a query), which yarn's "mscale_all_dim" changes:
  /// (0.1 "mscale_all_dim" log "factor" + 1)² times as much.
  public static func scale(_ shape: LatentAttentionShape, _ json: ConfigJSON) throws(ConfigError) -> Float {
    let usual = 1 / Double(shape.plainDim + shape.rotaryDim).squareRoot()
    let old = try json.group("rope_scaling")
    guard let rope = if let old, !old.fields.isEmpty { old } else { try json.group("rope_parameters") } else {
      return Float(usual)
    }
    let kind: String? = try rope.optional(rope.has("rope_type") ? "rope_type" : "type")
    guard kind ?? "default" != "default", let factor: Double = try rope.optional("factor"), factor > 1,
      let magnitude: Double = try rope.optional("mscale_all_dim")
    else { return Float(usual) }
    let stretched = 0.1 * magnitude * log(factor) + 1
    return Float(usual * stretched * stretched)
  }
}
