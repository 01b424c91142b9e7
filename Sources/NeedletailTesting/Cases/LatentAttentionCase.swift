import CNeedletailKernels
import NeedletailGraph

/// Latent attention of sequences that decode over a paged cache with blocks of 64 tokens, as a GPU computes it: the new
/// token's latent is in the cache already.
public struct LatentDecodeCase: KernelCase {
  /// The step: one query a sequence, and values that are part of the keys.
  public var step: AttentionCase

  /// Attention of one token for each of these contexts; a context of 0 is a graph's padding.
  public init(_ contexts: [Int], _ shape: Reference.AttentionShape, _ dtype: DType = .bfloat16) {
    step = AttentionCase(
      contexts.enumerated().map { .init($0, queries: 1, context: $1) }, shape, q: dtype, cache: dtype)
    step.out = dtype
    step.options.valuesFromKeys = shape.valueDim
    step.blockSize = 64
  }

  /// The kernel.
  public static let kernel = "latent_decode"

  /// The sizes of models, and small ones.
  public static let shapes: [Reference.AttentionShape] = [
    .init(heads: 16, kvHeads: 1, headDim: 576, valueDim: 512),
    .init(heads: 128, kvHeads: 1, headDim: 576, valueDim: 512),
    .init(heads: 5, kvHeads: 1, headDim: 24, valueDim: 16), .init(heads: 24, kvHeads: 1, headDim: 72, valueDim: 64),
  ]

  /// Shapes at which it breaks first.
  public static var edges: [LatentDecodeCase] {
    // Around tiles and parts. What a case holds follows from all its positions' queries: few of them with many heads.
    shapes.flatMap { shape in
      [[1], [0, 1, 63, 64, 65, 511, 512, 513], [700, 5, 0, 128, 1025]].map { contexts in
        LatentDecodeCase(shape.heads > 64 ? contexts.map { $0 % 600 } : contexts, shape)
      }
    } + [
      LatentDecodeCase([2049, 4097], shapes[3]), LatentDecodeCase([3, 200], shapes[2], .float16),
      LatentDecodeCase([0, 1, 70, 300], shapes[2], .float32),
    ]
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> LatentDecodeCase {
    LatentDecodeCase(
      (0..<numbers.next(in: 1...40)).map { _ in numbers.next(in: 0...numbers.pick([20, 60, 200])) },
      numbers.pick([shapes[0], shapes[2], shapes[3]]),
      numbers.pick([.bfloat16, .bfloat16, .float16, .float32]))
  }

  /// What it reads and writes.
  public func operands() -> Operands { step.operands() }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_decode_attention_arguments {
    let all = step.arguments(address)
    var arguments = nt_decode_attention_arguments()
    arguments.q = all.q
    arguments.cache = UnsafeMutableRawPointer(mutating: all.cache)
    arguments.context_lengths = all.context_lengths
    arguments.block_tables = all.block_tables
    arguments.out = all.out
    arguments.partials = address("partials")?.assumingMemoryBound(to: Float.self)
    arguments.counters = address("counters")?.assumingMemoryBound(to: UInt32.self)
    arguments.sequences = all.sequences
    arguments.q_stride = all.q_stride
    arguments.out_stride = all.out_stride
    arguments.block_table_stride = all.block_table_stride
    arguments.heads = all.heads
    arguments.kv_heads = all.kv_heads
    arguments.head_dim = all.head_dim
    arguments.value_dim = all.value_dim
    arguments.scale = all.scale
    return arguments
  }

  /// What it writes: zeros for padding.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    var result: [Double] = []
    for sequence in step.sequences {
      guard sequence.context > 0 else {
        result += Array(repeating: 0, count: step.shape.heads * step.shape.valueDim)
        continue
      }
      let (q, k, v) = step.contents(sequence)
      result += Reference.attention(
        step.q.rounded(q).map(Double.init), step.cache.rounded(k).map(Double.init),
        step.cache.rounded(v).map(Double.init), step.shape, step.options)
    }
    return ["out": result.map(Float.init)]
  }

  /// Probabilities are rounded to the cache's type before they meet the values.
  public func bounds(_ dtype: DType) -> Comparison.Bounds { .of(dtype, slack: 8, roundedTo: step.cache) }

  /// For messages.
  public var description: String { "decoding \(step)" }
}

extension PrefillAttentionCase {
  /// Latent attention of sequences that do not decode.
  public static var latent: [PrefillAttentionCase] {
    let steps: [[AttentionCase.Sequence]] = [
      [.init(1, queries: 1, context: 1)],
      [.init(1, queries: 5, context: 5), .init(2, queries: 64, context: 64), .init(3, queries: 65, context: 65)],
      [.init(1, queries: 13, context: 300), .init(2, queries: 1, context: 77), .init(3, queries: 40, context: 200)],
    ]
    // The last one is of sizes that only the plain kernel takes.
    let shapes = LatentDecodeCase.shapes + [.init(heads: 5, kvHeads: 1, headDim: 41, valueDim: 37)]
    return shapes.flatMap { shape in
      zip(steps, [DType.float16, .bfloat16, .bfloat16]).map { sequences, dtype in
        var step = AttentionCase(sequences, shape, q: dtype, cache: dtype)
        step.out = dtype
        step.options.valuesFromKeys = shape.valueDim
        return PrefillAttentionCase(step, firstSequence: sequences.count == 3 ? 1 : 0)
      }
    }
  }
}
