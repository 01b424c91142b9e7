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
  /// Width of a head's values.
  public var valueDim: Int

  /// Widths and counts; the query heads are a multiple of the key heads. `valueDim`: nil: as `headDim`.
  public init(hiddenSize: Int, headCount: Int, kvHeadCount: Int, headDim: Int, valueDim: Int? = nil) {
    precondition(headCount % kvHeadCount == 0, "\(headCount) query heads, \(kvHeadCount) key heads")
    self.hiddenSize = hiddenSize
    self.headCount = headCount
    self.kvHeadCount = kvHeadCount
    self.headDim = headDim
    self.valueDim = valueDim ?? headDim
  }

  /// Reads "hidden_size", "num_attention_heads", "num_key_value_heads" (missing: `kvHeadCount`, or as many as query
  /// heads) and "head_dim" (missing: `headDim`, or the hidden size over the heads, as for null). Throws where they do not
  /// go together.
  public init(_ json: ConfigJSON, kvHeadCount: Int? = nil, headDim usualHeadDim: Int? = nil) throws(ConfigError) {
    hiddenSize = try json("hidden_size")
    headCount = try json("num_attention_heads")
    let usual = json.has("num_key_value_heads") ? nil : kvHeadCount
    self.kvHeadCount = try json("num_key_value_heads", default: usual ?? headCount)
    guard headCount % self.kvHeadCount == 0 else {
      throw ConfigError(
        "\(json.path(of: "num_attention_heads")) is \(headCount), which is no multiple of \(self.kvHeadCount) "
          + "(\"num_key_value_heads\")")
    }
    let given = try json.has("head_dim") ? json.optional("head_dim") : usualHeadDim
    guard given != nil || hiddenSize % headCount == 0 else {
      throw ConfigError(
        "\(json.path(of: "hidden_size")) is \(hiddenSize), which is no multiple of \(headCount) "
          + "(\"num_attention_heads\"), and there is no \"head_dim\"")
    }
    headDim = given ?? hiddenSize / headCount
    valueDim = headDim
    guard ConfigJSON.sizes ~= headCount * headDim else {
      throw ConfigError("\(json.path(of: "head_dim")) is \(headDim), too much for \(headCount) heads")
    }
  }
}
