import CNeedletailKernels
import NeedletailGraph

/// Attention of a step's prompts over a paged cache with blocks of 64 tokens, as a GPU computes it.
public struct PrefillAttentionCase: KernelCase {
  /// The step; queries are rotated and all keys and values are in the cache.
  public var step: AttentionCase
  /// Sequences at the front that another kernel answers.
  public var firstSequence: Int

  /// Attention of a step but for its first sequences.
  public init(_ step: AttentionCase, firstSequence: Int = 0) {
    self.step = step
    self.step.blockSize = 64
    self.firstSequence = firstSequence
  }

  /// The kernel.
  public static let kernel = "prefill_attention"

  /// Shapes at which it breaks first.
  public static var edges: [PrefillAttentionCase] {
    var edges: [PrefillAttentionCase] = []
    for step in AttentionCase.edges
    where step.shape.headDim % 8 == 0 && step.q == step.cache && step.options.valuesFromKeys == nil {
      edges.append(PrefillAttentionCase(step, firstSequence: min(edges.count % 2, max(step.sequences.count - 1, 0))))
    }
    // Head sizes, groups and lengths around tiles of queries and keys, in the types of models.
    let queries = [1, 63, 64, 65, 127, 128, 129, 200]
    for (index, headDim) in [32, 64, 80, 96, 128, 256].enumerated() {
      for dtype in [DType.bfloat16, .float16] {
        let count = queries[(2 * index + (dtype == .float16 ? 1 : 0)) % queries.count]
        let kvHeads = [1, 2][index % 2]
        var step = AttentionCase(
          [.init(1, queries: count, context: count + [0, 1, 64, 100][index % 4]), .init(2, queries: 3, context: 130)],
          .init(heads: kvHeads * [1, 2, 3, 4, 8][index % 5], kvHeads: kvHeads, headDim: headDim, valueDim: headDim),
          q: dtype, cache: dtype)
        step.out = dtype
        edges.append(PrefillAttentionCase(step))
      }
    }
    return edges
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> PrefillAttentionCase {
    let kvHeads = numbers.next(in: 1...3)
    let headDim = numbers.pick([32, 64, 96, 128, 128])
    let sequences = (0..<numbers.next(in: 1...4)).map { number in
      let context = numbers.next(in: 1...260)
      return AttentionCase.Sequence(
        number, queries: min(context, numbers.pick([1, 7, 64, 150, 260])), context: context)
    }
    let dtype = numbers.pick([DType.bfloat16, .bfloat16, .float16, .float32])
    var step = AttentionCase(
      sequences,
      .init(heads: kvHeads * numbers.pick([1, 2, 4, 5, 8]), kvHeads: kvHeads, headDim: headDim, valueDim: headDim),
      q: dtype, cache: dtype)
    step.out = dtype
    step.options.window = numbers.pick([nil, nil, 1, 20, 64, 100])
    step.options.chunk = numbers.pick([nil, nil, 7, 64, 100])
    step.options.softcap = numbers.pick([nil, nil, 10])
    step.hasSinks = numbers.next(in: 0...5) == 0
    step.seed = numbers.next()
    return PrefillAttentionCase(step, firstSequence: numbers.next(in: 0...sequences.count - 1))
  }

  /// What it reads and writes.
  public func operands() -> Operands { step.operands() }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_prefill_attention_arguments {
    let all = step.arguments(address)
    return nt_prefill_attention_arguments(
      q: all.q, cache: all.cache, alibi_slopes: all.alibi_slopes, sinks: all.sinks, query_starts: all.query_starts,
      context_lengths: all.context_lengths, block_tables: all.block_tables, out: all.out,
      counters: address("counters")?.assumingMemoryBound(to: UInt32.self), tokens: all.tokens,
      sequences: all.sequences, first_sequence: Int64(firstSequence), q_stride: all.q_stride,
      out_stride: all.out_stride, block_table_stride: all.block_table_stride, heads: all.heads,
      kv_heads: all.kv_heads, head_dim: all.head_dim, value_dim: all.value_dim, window: all.window, scale: all.scale,
      softcap: all.softcap, chunk: all.chunk, key_scale: 1, value_scale: 1)
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    guard var out = step.expected(operands)["out"] else { return [:] }
    let skipped = step.sequences.prefix(firstSequence).reduce(0) { $0 + $1.queries }
    let stride = step.shape.heads * step.shape.valueDim + step.gap
    for index in 0..<min(out.count, skipped * stride) { out[index] = .nan }
    return ["out": out]
  }

  /// Probabilities are rounded to the cache's type before they meet the values.
  public func bounds(_ dtype: DType) -> Comparison.Bounds {
    .of(dtype, slack: 8, roundedTo: step.cache)
  }

  /// For messages.
  public var description: String { "\(step), from sequence \(firstSequence) on" }
}
