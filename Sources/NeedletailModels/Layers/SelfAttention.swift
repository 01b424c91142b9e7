import NeedletailGraph

/// What a layer of self-attention is made of.
public struct AttentionShape: Hashable, Sendable {
  /// Width of the model.
  public var hiddenSize: Int
  /// Query heads.
  public var headCount: Int
  /// Key and value heads, which divide the query heads.
  public var kvHeadCount: Int
  /// Width of a head.
  public var headDim: Int

  /// Widths and counts; the query heads are a multiple of the key heads.
  public init(hiddenSize: Int, headCount: Int, kvHeadCount: Int, headDim: Int) {
    precondition(headCount % kvHeadCount == 0, "\(headCount) query heads, \(kvHeadCount) key heads")
    self.hiddenSize = hiddenSize
    self.headCount = headCount
    self.kvHeadCount = kvHeadCount
    self.headDim = headDim
  }

  /// Reads "hidden_size", "num_attention_heads", "num_key_value_heads" (missing: `kvHeadCount`, or as many as query
  /// heads) and "head_dim" (missing: the hidden size over the heads). Throws where they do not go together.
  public init(_ json: ConfigJSON, kvHeadCount: Int? = nil) throws(ConfigError) {
    hiddenSize = try json("hidden_size")
    headCount = try json("num_attention_heads")
    let usual = json.has("num_key_value_heads") ? nil : kvHeadCount
    self.kvHeadCount = try json("num_key_value_heads", default: usual ?? headCount)
    guard headCount % self.kvHeadCount == 0 else {
      throw ConfigError(
        "\(json.path(of: "num_attention_heads")) is \(headCount), which is no multiple of \(self.kvHeadCount) "
          + "(\"num_key_value_heads\")")
    }
    let given = try json.optional("head_dim")
    guard given != nil || hiddenSize % headCount == 0 else {
      throw ConfigError(
        "\(json.path(of: "hidden_size")) is \(hiddenSize), which is no multiple of \(headCount) "
          + "(\"num_attention_heads\"), and there is no \"head_dim\"")
    }
    headDim = given ?? hiddenSize / headCount
    guard ConfigJSON.sizes ~= headCount * headDim else {
      throw ConfigError("\(json.path(of: "head_dim")) is \(headDim), too much for \(headCount) heads")
    }
  }
}

/// Grouped-query self-attention (Vaswani et al. 2017, Ainslie et al. 2023) with rotary positions:
/// [tokens, hidden] -> [tokens, hidden].
public struct SelfAttention: Layer {
  /// hidden -> heads * head width
  public let qProj: Linear
  /// hidden -> kv heads * head width
  public let kProj, vProj: Linear
  /// heads * head width -> hidden
  public let oProj: Linear
  /// Widths and counts.
  public let shape: AttentionShape
  /// Positions; nil: none.
  public let rope: Rope?
  /// How many positions a token sees, itself included; nil: all.
  public let window: Int?
  /// Factor of the scores; nil: 1 / √(head width).
  public let scale: Float?

  /// A layer. `bias`: of the projections of queries, keys and values; `outputBias`: of the last projection.
  public init(
    _ shape: AttentionShape, rope: Rope?, bias: Bool = false, outputBias: Bool = false, window: Int? = nil,
    scale: Float? = nil
  ) {
    let width = shape.headCount * shape.headDim
    let kvWidth = shape.kvHeadCount * shape.headDim
    qProj = Linear(shape.hiddenSize, width, bias: bias, split: .columns)
    kProj = Linear(shape.hiddenSize, kvWidth, bias: bias, split: .columns)
    vProj = Linear(shape.hiddenSize, kvWidth, bias: bias, split: .columns)
    oProj = Linear(width, shape.hiddenSize, bias: outputBias, split: .rows)
    self.shape = shape
    self.rope = rope
    self.window = window
    self.scale = scale
  }

  /// [tokens, hidden] -> [tokens, hidden]
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    scope(in: x.builder) {
      let (heads, kvHeads, headDim) = (shape.headCount, shape.kvHeadCount, Dim.fixed(shape.headDim))
      var q = qProj(x).reshaped(.tokens, .fixed(heads), headDim)
      var k = kProj(x).reshaped(.tokens, .fixed(kvHeads), headDim)
      let v = vProj(x).reshaped(.tokens, .fixed(kvHeads), headDim)
      if let rope {
        q = rope(q, step)
        k = rope(k, step)
      }
      let mixed = step.attend(q, k, v, window: window, scale: scale)  // [tokens, heads, headDim]
      return oProj(mixed.reshaped(.tokens, .fixed(heads * shape.headDim)))
    }
  }
}
