import NeedletailGraph

/// What attention does between its projections, whatever these are: heads, positions, scores.
///
///     let heads = AttentionHeads(config.attention, rope: config.rope)
///     return dense(heads(query(x), key(x), value(x), step))
public struct AttentionHeads: Sendable {
  /// Counts and widths.
  public var shape: AttentionShape
  /// Rotary positions; nil: none.
  public var rope: Rope?
  /// How many positions a token sees, itself included; nil: all.
  public var window: Int?
  /// A token sees its own chunk of so many positions only; nil: all.
  public var chunk: Int?
  /// Factor of the queries that grows with the position; nil: none.
  public var temperature: PositionScale?
  /// Factor of the scores; nil: 1 / √(head width).
  public var scale: Float?
  /// c in c tanh(score / c); nil: none.
  public var softcap: Float?
  /// Factor of the values.
  public var valueScale: Float = 1
  /// Slope of each head's distance penalty (Press et al. 2022); nil: none.
  public var alibiSlopes: [Float]?

  /// Attention of so many heads.
  public init(
    _ shape: AttentionShape, rope: Rope? = nil, window: Int? = nil, scale: Float? = nil, softcap: Float? = nil,
    alibiSlopes: [Float]? = nil
  ) {
    precondition(alibiSlopes.map { $0.count == shape.headCount } ?? true, "a slope for each head")
    self.shape = shape
    self.rope = rope
    self.window = window
    self.scale = scale
    self.softcap = softcap
    self.alibiSlopes = alibiSlopes
  }

  /// Queries [tokens, heads * head width], keys [tokens, kv heads * head width], values [tokens, kv heads * value width],
  /// sinks [heads] -> [tokens, heads * value width].
  public func callAsFunction(_ q: Tensor, _ k: Tensor, _ v: Tensor, _ step: Step, sinks: Tensor? = nil) -> Tensor {
    let (heads, kvHeads, width) = (Dim.fixed(shape.headCount), Dim.fixed(shape.kvHeadCount), Dim.fixed(shape.headDim))
    var q = q.reshaped(.tokens, heads, width)
    var k = k.reshaped(.tokens, kvHeads, width)
    let v = v.reshaped(.tokens, kvHeads, .fixed(shape.valueDim))
    if let rope {
      q = rope(q, step)
      k = rope(k, step)
    }
    // Up to there the factor is 1.
    if let temperature, step.maximumSequenceLength >= temperature.period {
      q = q.scaled(by: temperature, positions: step.positions)
    }
    let mixed = step.attend(
      q, k, v, window: window, chunk: chunk, scale: scale, softcap: softcap, alibiSlopes: alibiSlopes, sinks: sinks)
    // What is mixed has the factor of what it is mixed of.
    return mixed.reshaped(.tokens, .fixed(shape.headCount * shape.valueDim)) * valueScale
  }
}
