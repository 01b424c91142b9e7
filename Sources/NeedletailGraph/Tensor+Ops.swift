extension Tensor {
  /// Element by element; the right side may be one row [width] for all rows.
  public static func + (a: Tensor, b: Tensor) -> Tensor { a.builder.record(.binary(.add), [a, b]) }
  /// Element by element; the right side may be one row [width] for all rows.
  public static func - (a: Tensor, b: Tensor) -> Tensor { a.builder.record(.binary(.subtract), [a, b]) }
  /// Element by element; the right side may be one row [width] for all rows.
  public static func * (a: Tensor, b: Tensor) -> Tensor { a.builder.record(.binary(.multiply), [a, b]) }
  /// Element by element; the right side may be one row [width] for all rows.
  public static func / (a: Tensor, b: Tensor) -> Tensor { a.builder.record(.binary(.divide), [a, b]) }
  /// Times a number; times 1 records nothing.
  public static func * (a: Tensor, factor: Float) -> Tensor {
    factor == 1 ? a : a.builder.record(.scale(factor, offset: 0), [a])
  }

  /// An element-wise function; the identity records nothing.
  public func activation(_ activation: Activation) -> Tensor {
    activation == .identity ? self : builder.record(.activation(activation), [self])
  }
  /// cap * tanh(self / cap); nil records nothing.
  public func softcapped(_ cap: Float?) -> Tensor { cap.map { builder.record(.softcap($0), [self]) } ?? self }
  /// Kept between two bounds.
  public func clamped(to bounds: ClosedRange<Float>) -> Tensor {
    precondition(bounds.lowerBound < bounds.upperBound, "clamped to \(bounds)")
    return builder.record(.clamp(min: bounds.lowerBound, max: bounds.upperBound), [self])
  }
  /// The same elements in another shape, of which one dimension may be symbolic.
  public func reshaped(_ shape: Dim...) -> Tensor { builder.record(.reshape(shape), [self]) }
  /// Elements `range` of each row: [rows, width] -> [rows, range.count].
  public func columns(_ range: Range<Int>) -> Tensor {
    builder.record(.slice(start: range.lowerBound, count: range.count), [self])
  }
  /// x weightᵀ + bias: [rows, k], [n, k], [n]? -> [rows, n].
  public func linear(_ weight: Tensor, bias: Tensor? = nil) -> Tensor {
    builder.record(.linear, [self, weight] + (bias.map { [$0] } ?? []))
  }
  /// Normalized over the last dimension, times a weight [width], plus a bias [width].
  public func normalized(_ norm: Norm, weight: Tensor? = nil, bias: Tensor? = nil) -> Tensor {
    precondition(weight != nil || bias == nil, "a norm with a bias has a weight")
    return builder.record(.norm(norm), [self, weight, bias].compactMap { $0 })
  }
  /// Rows of a table [vocabulary, width] chosen by self, integers [rows]: -> [rows, width].
  public func embedded(in table: Tensor, scale: Float = 1) -> Tensor {
    builder.record(.embed(scale: scale), [table, self])
  }
  /// Cosines and sines of positions [tokens]: -> [tokens, rotary dimensions]. Asked for twice, it is one value.
  public func ropeTable(_ spec: RopeSpec) -> Tensor { builder.record(.ropeTable(spec), [self], isShared: true) }
  /// Rotated by a table's angles: [tokens, heads, head size].
  public func rotated(by table: Tensor, interleaved: Bool = false) -> Tensor {
    builder.record(.rope(interleaved: interleaved), [self, table])
  }
  /// In another storage type.
  public func cast(to dtype: DType) -> Tensor { self.dtype == dtype ? self : builder.record(.cast(dtype), [self]) }
}
