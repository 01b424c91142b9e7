import NeedletailGraph

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Reference {
  /// The shapes of attention.
  public struct AttentionShape: Hashable, Sendable {
    /// Query heads.
    public var heads: Int
    /// Key and value heads.
    public var kvHeads: Int
    /// Size of a query and key head.
    public var headDim: Int
    /// Size of a value head.
    public var valueDim: Int

    /// Shapes.
    public init(heads: Int, kvHeads: Int, headDim: Int, valueDim: Int) {
      self.heads = heads
      self.kvHeads = kvHeads
      self.headDim = headDim
      self.valueDim = valueDim
    }
  }

  /// Causal attention of one sequence: q [queries, heads, headDim], k [context, kvHeads, headDim],
  /// v [context, kvHeads, valueDim] -> [queries, heads, valueDim]. The queries are the last of the context.
  public static func attention(
    _ q: [Double], _ k: [Double], _ v: [Double], _ shape: AttentionShape, _ options: Attention, sinks: [Double]? = nil
  ) -> [Double] {
    let (d, dv) = (shape.headDim, shape.valueDim)
    let queries = q.count / (shape.heads * d)
    let context = k.count / (shape.kvHeads * d)
    var out = [Double](repeating: 0, count: queries * shape.heads * dv)
    for query in 0..<queries {
      let position = context - queries + query
      let first = max(
        options.window.map { max(0, position - $0 + 1) } ?? 0, options.chunk.map { position / $0 * $0 } ?? 0)
      for head in 0..<shape.heads {
        let kvHead = head / (shape.heads / shape.kvHeads)
        var scores: [Double] = []
        for key in first...position {
          var score = 0.0
          for index in 0..<d {
            score += q[(query * shape.heads + head) * d + index] * k[(key * shape.kvHeads + kvHead) * d + index]
          }
          score *= Double(options.scale)
          if let cap = options.softcap { score = softcap(score, Double(cap)) }
          if let slopes = options.alibiSlopes { score += Double(slopes[head]) * Double(key - position) }
          scores.append(score)
        }
        let highest = max(scores.max() ?? 0, sinks?[head] ?? -.infinity)
        let weights = scores.map { exp($0 - highest) }
        let total = weights.reduce(0, +) + (sinks.map { exp($0[head] - highest) } ?? 0)
        for (offset, weight) in weights.enumerated() {
          for index in 0..<dv {
            out[(query * shape.heads + head) * dv + index] +=
              weight / total * v[((first + offset) * shape.kvHeads + kvHead) * dv + index]
          }
        }
      }
    }
    return out
  }
}
