import CNeedletailKernels
import NeedletailGraph

/// Attention of a step over a paged cache.
///
/// Queries, keys and values of a position follow from the seed, the sequence's number and the position alone: cases that
/// differ in chunks, blocks and neighbours describe the same requests, whose results must be the same.
public struct AttentionCase: KernelCase {
  /// The share of one sequence.
  public struct Sequence: Hashable, Sendable {
    /// What its contents follow from.
    public var number: Int
    /// Its tokens in this step.
    public var queries: Int
    /// Its tokens so far, those of this step included.
    public var context: Int

    /// The share of a sequence.
    public init(_ number: Int, queries: Int, context: Int) {
      self.number = number
      self.queries = queries
      self.context = context
    }
  }

  /// The sequences of the step.
  public var sequences: [Sequence]
  /// Heads and their sizes.
  public var shape: Reference.AttentionShape
  /// Scale, window, soft cap, slopes.
  public var options: Attention
  /// Whether there are sinks.
  public var hasSinks = false
  /// Tokens of a block.
  public var blockSize = 16
  /// Storage types.
  public var q, cache, out: DType
  /// Elements between tokens of q and of out.
  public var gap = 0
  /// Of the operands.
  public var seed: UInt64 = 1

  /// Attention of a step, with the usual scale.
  public init(_ sequences: [Sequence], _ shape: Reference.AttentionShape, q: DType = .float32, cache: DType = .float32)
  {
    self.sequences = sequences
    self.shape = shape
    options = Attention(layer: 0, scale: Float(1 / Double(shape.headDim).squareRoot()))
    self.q = q
    self.cache = cache
    out = .float32
  }

  /// The kernel.
  public static let kernel = "attention"

  var tokens: Int { sequences.reduce(0) { $0 + $1.queries } }
  private var qRows: Rows { Rows(tokens, shape.heads * shape.headDim, gap: gap) }
  private var outRows: Rows { Rows(tokens, shape.heads * shape.valueDim, gap: gap) }
  private func blocks(_ sequence: Sequence) -> Int { (sequence.context + blockSize - 1) / blockSize }
  /// Blocks of the cache.
  public var blockCount: Int { sequences.reduce(1) { $0 + blocks($1) } }
  /// Blocks a table has room for.
  public var tableStride: Int { (sequences.map(blocks).max() ?? 0) + 1 }

  /// What the cache keeps of a token: no values where they are part of the keys.
  private var kept: Reference.AttentionShape {
    var kept = shape
    if options.valuesFromKeys != nil { kept.valueDim = 0 }
    return kept
  }

  /// Queries of this step's positions, keys and values of all: [positions, heads, size].
  func contents(_ sequence: Sequence) -> (q: [Float], k: [Float], v: [Float]) {
    var numbers = SeededNumbers(seed: seed &+ UInt64(sequence.number) &* 0x1234_5678_9ABC_DEF1)
    var (q, k, v): ([Float], [Float], [Float]) = ([], [], [])
    // A step's padding has a query and no positions.
    if sequence.context == 0 { q = numbers.floats(sequence.queries * shape.heads * shape.headDim) }
    for position in 0..<sequence.context {
      let query = numbers.floats(shape.heads * shape.headDim, deviation: 1.5)
      let keys = numbers.floats(shape.kvHeads * shape.headDim)
      k += keys
      v +=
        options.valuesFromKeys.map { width in
          stride(from: 0, to: keys.count, by: shape.headDim).flatMap { keys[$0..<$0 + width] }
        } ?? numbers.floats(shape.kvHeads * shape.valueDim)
      if position >= sequence.context - sequence.queries { q += query }
    }
    return (q, k, v)
  }

  /// What it reads and writes.
  public func operands() -> Operands {
    var numbers = SeededNumbers(seed: seed ^ UInt64(blockSize))
    var freeBlocks = Array(0..<blockCount).shuffled(using: &numbers)
    let elements = kept.kvHeads * blockSize * (kept.headDim + kept.valueDim)
    // What no token was written to may hold anything.
    var cache = [Float](repeating: .nan, count: blockCount * elements)
    var (queries, starts, contexts, tables): ([Float], [Float], [Float], [Float]) = ([], [0], [], [])
    let layout = CacheLayout(kept, blockSize: blockSize)
    for sequence in sequences {
      let (q, k, v) = contents(sequence)
      queries += q
      starts.append((starts.last ?? 0) + Float(sequence.queries))
      contexts.append(Float(sequence.context))
      let own = (0..<blocks(sequence)).map { _ in freeBlocks.removeLast() }
      tables += own.map(Float.init) + Array(repeating: -1, count: tableStride - own.count)
      for position in 0..<sequence.context {
        let slot = own[position / blockSize] * blockSize + position % blockSize
        for head in 0..<shape.kvHeads {
          for index in 0..<shape.headDim {
            cache[layout.key(slot, head) + index] = k[(position * shape.kvHeads + head) * shape.headDim + index]
          }
          for index in 0..<kept.valueDim {
            cache[layout.value(slot, head) + index] = v[(position * shape.kvHeads + head) * shape.valueDim + index]
          }
        }
      }
    }
    var operands = Operands()
    operands.add("q", q, qRows.spread(queries.map(Double.init)))
    operands.add("cache", self.cache, cache)
    if let slopes = options.alibiSlopes { operands.add("slopes", .float32, slopes) }
    if hasSinks {
      var sinks = SeededNumbers(seed: seed ^ 0x5175)
      operands.add("sinks", .float32, sinks.floats(shape.heads))
    }
    operands.add("query_starts", .int32, starts)
    operands.add("context_lengths", .int32, contexts)
    operands.add("block_tables", .int32, tables)
    operands.addOutput("out", out, count: outRows.elements)
    return operands
  }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_attention_arguments {
    func floats(_ name: String) -> UnsafePointer<Float>? {
      address(name).map { .init($0.assumingMemoryBound(to: Float.self)) }
    }
    func integers(_ name: String) -> UnsafePointer<Int32>? {
      address(name).map { .init($0.assumingMemoryBound(to: Int32.self)) }
    }
    return nt_attention_arguments(
      q: address("q"), cache: address("cache"), alibi_slopes: floats("slopes"), sinks: floats("sinks"),
      query_starts: integers("query_starts"), context_lengths: integers("context_lengths"),
      block_tables: integers("block_tables"), out: address("out"), tokens: Int64(tokens),
      sequences: Int64(sequences.count), q_stride: Int64(qRows.stride), out_stride: Int64(outRows.stride),
      block_table_stride: Int64(tableStride), heads: Int32(shape.heads), kv_heads: Int32(shape.kvHeads),
      head_dim: Int32(shape.headDim), value_dim: Int32(shape.valueDim), block_size: Int32(blockSize),
      window: Int32(options.window ?? 0), scale: options.scale, softcap: options.softcap ?? 0, q_dtype: q.rawValue,
      cache_dtype: cache.rawValue, out_dtype: out.rawValue,
      values_in_keys: options.valuesFromKeys == nil ? 0 : 1, chunk: Int32(options.chunk ?? 0), key_scale: 1,
      value_scale: 1, reserved: 0)
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    var result: [Double] = []
    for sequence in sequences {
      let (q, k, v) = contents(sequence)
      result += Reference.attention(
        self.q.rounded(q).map(Double.init), cache.rounded(k).map(Double.init), cache.rounded(v).map(Double.init), shape,
        options, sinks: operands["sinks"]?.map(Double.init))
    }
    return ["out": outRows.spread(result)]
  }

  // Scores of some tens are exponentiated: their rounding errors come out multiplied.
  /// How far results may be off.
  public func bounds(_ dtype: DType) -> Comparison.Bounds { .of(dtype, slack: 8) }

  /// For messages.
  public var description: String {
    let parts = sequences.map { "\($0.queries) of \($0.context)" }.joined(separator: ", ")
    return
      "attention of [\(parts)], \(shape.heads) heads over \(shape.kvHeads), \(shape.headDim) and \(shape.valueDim) "
      + "wide, \(q.name) and \(cache.name) -> \(out.name), blocks of \(blockSize), window \(options.window ?? 0), chunk \(options.chunk ?? 0), softcap "
      + "\(options.softcap ?? 0)\(options.alibiSlopes == nil ? "" : ", slopes")\(hasSinks ? ", sinks" : "")"
      + "\(options.valuesFromKeys == nil ? "" : ", values in keys"), seed \(seed)"
  }
}
