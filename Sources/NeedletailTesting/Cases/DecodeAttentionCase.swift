import CNeedletailKernels
import NeedletailGraph

/// Attention of sequences that continue with one token each: rotates its query and key, writes its key and value to the
/// cache, attends to all of the sequence. See `paged_attention.h`.
public struct DecodeAttentionCase: KernelCase {
  /// Tokens of each sequence, the new one included; 0: a row that only fills the batch.
  public var contexts: [Int]
  /// Heads and their sizes.
  public var shape: Reference.AttentionShape
  /// Scale, window, soft cap, slopes.
  public var options: Attention
  /// Rotated elements of a head; 0: no table.
  public var rotaryDim: Int
  /// Pairs (2i, 2i + 1).
  public var isInterleaved = false
  /// Whether there are sinks.
  public var hasSinks = false
  /// Whether q, k and v are parts of one row.
  public var isMerged = true
  /// Storage of queries, keys and values; of the cache; of the result.
  public var x, cache, out: DType
  /// Of the operands.
  public var seed: UInt64 = 1
  /// Tokens of a block.
  public static let blockSize = 64

  /// Sequences of these lengths, in one type.
  public init(_ contexts: [Int], _ shape: Reference.AttentionShape, _ dtype: DType = .bfloat16) {
    self.contexts = contexts
    self.shape = shape
    options = Attention(layer: 0, scale: Float(1 / Double(shape.headDim).squareRoot()))
    rotaryDim = shape.headDim
    (x, cache, out) = (dtype, dtype, dtype)
  }

  /// The kernel.
  public static let kernel = "decode_attention"

  /// Shapes at which it breaks first.
  public static var edges: [DecodeAttentionCase] {
    let shape = Reference.AttentionShape(heads: 8, kvHeads: 2, headDim: 128, valueDim: 128)
    var edges = [1, 2, 31, 63, 64, 65, 127, 128, 129, 255, 257, 511, 513, 1023, 1025, 2047, 2049, 4097].map {
      DecodeAttentionCase([$0], shape)
    }
    edges.append(DecodeAttentionCase([0], shape))
    edges.append(DecodeAttentionCase([70, 0, 1, 0, 0], shape))
    edges.append(DecodeAttentionCase((0..<33).map { 1 + $0 * 37 }, shape, .float16))
    edges.append(
      DecodeAttentionCase((0..<130).map { 1 + $0 % 67 }, .init(heads: 4, kvHeads: 1, headDim: 64, valueDim: 64)))
    for (index, headDim) in [16, 32, 64, 80, 96, 128, 256].enumerated() {
      for (number, group) in [1, 2, 3, 4, 5, 7, 8, 16].enumerated() where (index + number) % 2 == 0 {
        let dtype = [DType.bfloat16, .float16, .float32][(index + number / 2) % 3]
        var edge = DecodeAttentionCase(
          [5, 100, 333], .init(heads: 2 * group, kvHeads: 2, headDim: headDim, valueDim: headDim), dtype)
        edge.isMerged = number % 3 != 0
        edge.isInterleaved = number == 3
        edge.rotaryDim = [headDim, headDim / 2, 0][number % 3]
        edges.append(edge)
      }
    }
    for window in [1, 2, 63, 64, 65, 300, 5000] {
      var edge = DecodeAttentionCase([1, 64, 65, 400, 1500], shape)
      edge.options.window = window
      edge.hasSinks = window % 2 == 0
      edges.append(edge)
    }
    for (chunk, dtype) in zip(
      [1, 16, 64, 100, 512, 5000], [DType.bfloat16, .float16, .bfloat16, .float32, .bfloat16, .float16])
    {
      var edge = DecodeAttentionCase([0, 1, 16, 17, 64, 65, 100, 101, 512, 513, 1500], shape, dtype)
      edge.options.chunk = chunk
      edges.append(edge)
    }
    var both = DecodeAttentionCase([1, 300, 700, 1500], .init(heads: 5, kvHeads: 1, headDim: 64, valueDim: 64))
    both.options.chunk = 256
    both.options.window = 100
    edges.append(both)
    var capped = DecodeAttentionCase([20, 700], shape)
    capped.options.softcap = 5
    edges.append(capped)
    capped.options.alibiSlopes = (1...8).map { 0.5 / Float($0) }
    capped.hasSinks = true
    edges.append(capped)
    for out in [DType.float32, .float16] {
      var edge = DecodeAttentionCase([77, 200], shape)
      edge.out = out
      edges.append(edge)
    }
    return edges + [DecodeAttentionCase([], shape)]
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> DecodeAttentionCase {
    let kvHeads = numbers.next(in: 1...4)
    let headDim = numbers.pick([32, 64, 64, 128, 128])
    let shape = Reference.AttentionShape(
      heads: kvHeads * numbers.pick([1, 2, 3, 4, 6, 8]), kvHeads: kvHeads, headDim: headDim, valueDim: headDim)
    let contexts = (0..<numbers.next(in: 1...12)).map { _ in numbers.next(in: 0...numbers.pick([10, 200, 1200])) }
    var problem = DecodeAttentionCase(contexts, shape, numbers.pick([.bfloat16, .bfloat16, .float16, .float32]))
    problem.options.window = numbers.pick([nil, nil, 1, 20, 64, 100])
    problem.options.chunk = numbers.pick([nil, nil, 7, 64, 100])
    problem.options.softcap = numbers.pick([nil, nil, 10])
    problem.rotaryDim = numbers.pick([headDim, headDim, headDim / 2])
    problem.hasSinks = numbers.next(in: 0...5) == 0
    problem.isMerged = numbers.next(in: 0...2) > 0
    problem.seed = numbers.next()
    return problem
  }

  private var widths: (q: Int, k: Int, v: Int) {
    (shape.heads * shape.headDim, shape.kvHeads * shape.headDim, shape.kvHeads * shape.valueDim)
  }
  private func blocks(_ context: Int) -> Int { (context + Self.blockSize - 1) / Self.blockSize }
  /// Blocks a table has room for.
  public var tableStride: Int { (contexts.map(blocks).max() ?? 0) + 1 }
  /// Blocks of the cache.
  public var blockCount: Int { contexts.reduce(1) { $0 + blocks($1) } }
  private var outWidth: Int { shape.heads * shape.valueDim }

  /// The new token's query, and keys and values of all positions; the new key is not rotated yet.
  private func contents(_ sequence: Int) -> (q: [Float], k: [Float], v: [Float]) {
    var numbers = SeededNumbers(seed: seed &+ UInt64(sequence) &* 0x1234_5678_9ABC_DEF1)
    let count = max(contexts[sequence], 1)
    return (
      numbers.floats(widths.q, deviation: 1.5), numbers.floats(count * widths.k), numbers.floats(count * widths.v)
    )
  }

  /// The blocks of each sequence, in any order.
  private func placement() -> [[Int]] {
    var numbers = SeededNumbers(seed: seed ^ 0xB10C)
    var free = Array(0..<blockCount).shuffled(using: &numbers)
    return contexts.map { context in (0..<blocks(context)).map { _ in free.removeLast() } }
  }

  private func slot(_ blocks: [Int], _ position: Int) -> Int {
    blocks[position / Self.blockSize] * Self.blockSize + position % Self.blockSize
  }

  /// What it reads and writes.
  public func operands() -> Operands {
    let layout = CacheLayout(shape, blockSize: Self.blockSize)
    let placement = placement()
    var cache = [Float](
      repeating: .nan, count: blockCount * shape.kvHeads * Self.blockSize * (shape.headDim + shape.valueDim))
    var (q, k, v, slots): ([Float], [Float], [Float], [Float]) = ([], [], [], [])
    var tables: [Float] = []
    for (index, context) in contexts.enumerated() {
      let own = contents(index)
      q += own.q
      k += own.k.suffix(widths.k)
      v += own.v.suffix(widths.v)
      slots.append(context == 0 ? -1 : Float(slot(placement[index], context - 1)))
      tables += placement[index].map(Float.init) + Array(repeating: -1, count: tableStride - placement[index].count)
      for position in 0..<max(context - 1, 0) {
        let slot = slot(placement[index], position)
        for head in 0..<shape.kvHeads {
          let row = position * shape.kvHeads + head
          cache.replaceSubrange(
            layout.key(slot, head)..<layout.key(slot, head) + shape.headDim,
            with: own.k[row * shape.headDim..<(row + 1) * shape.headDim])
          cache.replaceSubrange(
            layout.value(slot, head)..<layout.value(slot, head) + shape.valueDim,
            with: own.v[row * shape.valueDim..<(row + 1) * shape.valueDim])
        }
      }
    }
    var operands = Operands()
    if isMerged {
      var rows: [Float] = []
      for row in contexts.indices {
        rows += q[row * widths.q..<(row + 1) * widths.q]
        rows += k[row * widths.k..<(row + 1) * widths.k]
        rows += v[row * widths.v..<(row + 1) * widths.v]
      }
      operands.add("qkv", x, rows)
    } else {
      operands.add("q", x, q)
      operands.add("k", x, k)
      operands.add("v", x, v)
    }
    if rotaryDim > 0 {
      let frequencies = RopeSpec(dimensions: rotaryDim, theta: 10_000).inverseFrequencies
      operands.add(
        "table", .float32, Reference.ropeTable(contexts.map { max($0 - 1, 0) }, frequencies).map(Float.init))
    }
    operands.add("slots", .int64, slots)
    operands.add("cache", self.cache, cache)
    operands.update("cache") { $0.isOutput = true }
    if let slopes = options.alibiSlopes { operands.add("slopes", .float32, slopes) }
    if hasSinks {
      var sinks = SeededNumbers(seed: seed ^ 0x5175)
      operands.add("sinks", .float32, sinks.floats(shape.heads))
    }
    operands.add("context_lengths", .int32, contexts.map(Float.init))
    operands.add("block_tables", .int32, tables)
    operands.addOutput("out", out, count: contexts.count * outWidth)
    return operands
  }

  /// Its argument struct; the splits' results and the counters lie at "partials" and "counters".
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_decode_attention_arguments {
    func floats(_ name: String) -> UnsafePointer<Float>? {
      address(name).map { .init($0.assumingMemoryBound(to: Float.self)) }
    }
    func integers(_ name: String) -> UnsafePointer<Int32>? {
      address(name).map { .init($0.assumingMemoryBound(to: Int32.self)) }
    }
    let (q, k, v) = widths
    let row = address("qkv")
    return nt_decode_attention_arguments(
      q: row ?? address("q"), k: row.map { $0 + q * x.byteCount } ?? address("k"),
      v: row.map { $0 + (q + k) * x.byteCount } ?? address("v"), table: floats("table"),
      slots: address("slots")?.assumingMemoryBound(to: Int64.self), cache: address("cache"),
      alibi_slopes: floats("slopes"), sinks: floats("sinks"), context_lengths: integers("context_lengths"),
      block_tables: integers("block_tables"), out: address("out"),
      partials: address("partials")?.assumingMemoryBound(to: Float.self),
      counters: address("counters")?.assumingMemoryBound(to: UInt32.self), sequences: Int64(contexts.count),
      q_stride: Int64(isMerged ? q + k + v : q), k_stride: Int64(isMerged ? q + k + v : k),
      v_stride: Int64(isMerged ? q + k + v : v), out_stride: Int64(outWidth),
      block_table_stride: Int64(tableStride), heads: Int32(shape.heads), kv_heads: Int32(shape.kvHeads),
      head_dim: Int32(shape.headDim), value_dim: Int32(shape.valueDim), rotary_dim: Int32(rotaryDim),
      interleaved: isInterleaved ? 1 : 0, window: Int32(options.window ?? 0), scale: options.scale,
      softcap: options.softcap ?? 0, chunk: Int32(options.chunk ?? 0), key_scale: 1, value_scale: 1)
  }

  /// What it writes: the results, and the new keys and values; the rest of the cache stays.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    let layout = CacheLayout(shape, blockSize: Self.blockSize)
    let placement = placement()
    let table = operands["table"]?.map(Double.init)
    var cache = [Float](repeating: .nan, count: operands["cache"]?.count ?? 0)
    var out: [Double] = []
    for (index, context) in contexts.enumerated() {
      guard context > 0 else {
        out += Array(repeating: 0, count: outWidth)
        continue
      }
      func rotated(_ values: [Double], heads: Int) -> [Double] {
        guard let table else { return values }
        return Reference.rotated(
          values, heads: heads, headDim: shape.headDim,
          table: Array(table[index * rotaryDim..<(index + 1) * rotaryDim]),
          rotaryDim: rotaryDim, interleaved: isInterleaved)
      }
      let own = contents(index)
      let newKey = rotated(x.rounded(Array(own.k.suffix(widths.k))).map(Double.init), heads: shape.kvHeads)
      let newValue = x.rounded(Array(own.v.suffix(widths.v)))
      let slot = slot(placement[index], context - 1)
      for head in 0..<shape.kvHeads {
        for element in 0..<shape.headDim {
          cache[layout.key(slot, head) + element] = Float(newKey[head * shape.headDim + element])
        }
        for element in 0..<shape.valueDim {
          cache[layout.value(slot, head) + element] = newValue[head * shape.valueDim + element]
        }
      }
      let q = rotated(x.rounded(own.q).map(Double.init), heads: shape.heads).map(Float.init)
      let keys = own.k.dropLast(widths.k) + newKey.map(Float.init)
      let values = own.v.dropLast(widths.v) + newValue
      out += Reference.attention(
        self.cache.rounded(q).map(Double.init), self.cache.rounded(Array(keys)).map(Double.init),
        self.cache.rounded(Array(values)).map(Double.init), shape, options, sinks: operands["sinks"]?.map(Double.init))
    }
    return ["out": out.map(Float.init), "cache": cache]
  }

  /// Probabilities are rounded to the cache's type before they meet the values.
  public func bounds(_ dtype: DType) -> Comparison.Bounds { .of(dtype, slack: 8, roundedTo: cache) }

  /// For messages.
  public var description: String {
    let lengths = contexts.count > 8 ? "\(contexts.prefix(8)) and \(contexts.count - 8) more" : "\(contexts)"
    return "decode attention of \(lengths), \(shape.heads) heads over \(shape.kvHeads), \(shape.headDim) and "
      + "\(shape.valueDim) wide, \(rotaryDim) rotated\(isInterleaved ? " in pairs" : ""), \(x.name) and \(cache.name) -> "
      + "\(out.name), window \(options.window ?? 0), chunk \(options.chunk ?? 0), softcap \(options.softcap ?? 0)"
      + "\(options.alibiSlopes == nil ? "" : ", slopes")\(hasSinks ? ", sinks" : "")\(isMerged ? ", merged" : ""), seed "
      + "\(seed)"
  }
}
