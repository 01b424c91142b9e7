import NeedletailGraph

/// Attention over a layer's paged cache on a GPU. See `paged_attention.h`.
public struct AttentionProblem: Hashable, Sendable, Codable {
  /// Query heads.
  public var heads: Int
  /// Key and value heads; `heads` is a multiple of it.
  public var kvHeads: Int
  /// Size of a query and key.
  public var headDim: Int
  /// Size of a value.
  public var valueDim: Int
  /// Dimensions of each query and key that are rotated; 0: none.
  public var rotaryDim = 0
  /// Pairs (2i, 2i + 1) instead of (i, i + half) are rotated.
  public var isInterleaved = false
  /// Storage of the step's queries, keys and values.
  public var input: DType
  /// Storage of the cache: float32, 16 bits, or codes of 8: float8e4m3, int8.
  public var cache: DType
  /// Storage of the result.
  public var out: DType
  /// Positions a query sees; nil: all.
  public var window: Int?
  /// A query sees its own chunk of so many positions only; nil: all.
  public var chunk: Int?
  /// Whether scores are capped.
  public var hasSoftcap = false
  /// Whether each head has a slope of distance.
  public var hasSlopes = false
  /// Whether each head has an extra logit in the denominator.
  public var hasSinks = false
  /// The most tokens and sequences of a step of this variant, and the longest sequence.
  public var limits: PlanLimits
  /// A request's bits depend on itself only, whatever the step's size.
  public var isDeterministic = false

  /// Plain causal attention.
  public init(
    heads: Int, kvHeads: Int, headDim: Int, valueDim: Int, input: DType, cache: DType, out: DType, limits: PlanLimits
  ) {
    self.heads = heads
    self.kvHeads = kvHeads
    self.headDim = headDim
    self.valueDim = valueDim
    self.input = input
    self.cache = cache
    self.out = out
    self.limits = limits
  }

  /// Whether the cache holds codes, of which float8e4m3 have a scale of the layer and int8 one of each row.
  public var isCacheCoded: Bool { cache == .float8e4m3 || cache == .int8 }
  /// Storage of queries once they are rotated: the cache's, or float16 beside codes, which are exact in it.
  public var query: DType { isCacheCoded ? .float16 : cache }
  /// Bytes that the rows' scales take behind a block's keys and values of one head.
  var scaleBytes: Int { cache == .int8 ? 2 * 64 * 4 : 0 }

  /// "32 heads over 8 of 128 bfloat16, window 4096"
  public var description: String {
    "\(heads) heads over \(kvHeads) of \(headDim) \(cache.name)" + (window.map { ", window \($0)" } ?? "")
      + (chunk.map { ", chunks of \($0)" } ?? "")
  }
}
