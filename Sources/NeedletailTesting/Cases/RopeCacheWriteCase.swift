import CNeedletailKernels
import NeedletailGraph

/// Rotation of queries and keys, and keys and values written to the cache.
public struct RopeCacheWriteCase: KernelCase {
  /// Tokens of the step.
  public var tokens: Int
  /// Heads and their sizes.
  public var shape: Reference.AttentionShape
  /// Rotated elements of a head; 0: no table.
  public var rotaryDim: Int
  /// Pairs (2i, 2i + 1).
  public var isInterleaved: Bool
  /// Tokens of a block.
  public var blockSize: Int
  /// Storage of queries, keys and values; of rotated queries; of the cache.
  public var x, out, cache: DType
  /// Whether q, k and v are parts of one row.
  public var isMerged: Bool
  /// Whether there are queries, and keys and values.
  public var hasQueries, hasKeys: Bool
  /// Elements between the rows of rotated queries.
  public var gap = 3
  /// Of the operands.
  public var seed: UInt64

  /// Rotation and writing.
  public init(
    tokens: Int, _ shape: Reference.AttentionShape, rotaryDim: Int, isInterleaved: Bool = false, blockSize: Int = 16,
    x: DType = .float32, out: DType = .float32, cache: DType = .float32, isMerged: Bool = true, hasQueries: Bool = true,
    hasKeys: Bool = true, seed: UInt64 = 1
  ) {
    self.tokens = tokens
    self.shape = shape
    self.rotaryDim = rotaryDim
    self.isInterleaved = isInterleaved
    self.blockSize = blockSize
    self.x = x
    self.out = out
    self.cache = cache
    self.isMerged = isMerged
    self.hasQueries = hasQueries
    self.hasKeys = hasKeys
    self.seed = seed
  }

  /// The kernel.
  public static let kernel = "rope_cache_write"

  /// Shapes at which it breaks first.
  public static var edges: [RopeCacheWriteCase] {
    let shape = Reference.AttentionShape(heads: 4, kvHeads: 2, headDim: 34, valueDim: 20)
    let types: [DType] = [.float32, .bfloat16, .float16]
    var edges: [RopeCacheWriteCase] = []
    for x in types {
      for out in types {
        for cache in types {
          edges.append(
            RopeCacheWriteCase(
              tokens: 5, shape, rotaryDim: 34, isInterleaved: x == out, x: x, out: out, cache: cache,
              isMerged: x != cache))
        }
      }
    }
    for (index, rotaryDim) in [0, 2, 6, 16, 30, 32, 34].enumerated() {
      for isInterleaved in [false, true] {
        edges.append(
          RopeCacheWriteCase(
            tokens: [1, 33, 0, 7][index % 4], shape, rotaryDim: rotaryDim, isInterleaved: isInterleaved,
            blockSize: [1, 16, 33][index % 3], cache: .bfloat16))
      }
    }
    let one = Reference.AttentionShape(heads: 1, kvHeads: 1, headDim: 1, valueDim: 65)
    return edges + [
      RopeCacheWriteCase(tokens: 3, shape, rotaryDim: 32, isMerged: false, hasKeys: false),
      RopeCacheWriteCase(tokens: 3, shape, rotaryDim: 32, isMerged: false, hasQueries: false),
      RopeCacheWriteCase(tokens: 2, one, rotaryDim: 0),
    ]
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> RopeCacheWriteCase {
    let types: [DType] = [.float32, .bfloat16, .float16]
    let kvHeads = numbers.next(in: 1...4)
    let half = numbers.next(in: 1...64)
    let shape = Reference.AttentionShape(
      heads: kvHeads * numbers.next(in: 1...4), kvHeads: kvHeads, headDim: 2 * half, valueDim: numbers.next(in: 1...128)
    )
    return RopeCacheWriteCase(
      tokens: numbers.next(in: 1...40), shape, rotaryDim: 2 * numbers.next(in: 0...half),
      isInterleaved: numbers.next(in: 0...1) == 1, blockSize: numbers.pick([1, 8, 16, 64]), x: numbers.pick(types),
      out: numbers.pick(types), cache: numbers.pick(types), isMerged: numbers.next(in: 0...1) == 1,
      seed: numbers.next())
  }

  private var widths: (q: Int, k: Int, v: Int) {
    (shape.heads * shape.headDim, shape.kvHeads * shape.headDim, shape.kvHeads * shape.valueDim)
  }
  private var blocks: Int { (tokens * 2 + blockSize - 1) / blockSize + 1 }
  private var blockElements: Int { shape.kvHeads * blockSize * (shape.headDim + shape.valueDim) }
  private var qOut: Rows { Rows(tokens, widths.q, gap: gap) }

  // Where one of the three parts lies.
  private struct Place {
    let operand: String
    let first: Int
    let width: Int
    let stride: Int
  }
  private var places: (q: Place, k: Place, v: Place) {
    let (q, k, v) = widths
    guard isMerged else {
      return (
        Place(operand: "q", first: 0, width: q, stride: q), Place(operand: "k", first: 0, width: k, stride: k),
        Place(operand: "v", first: 0, width: v, stride: v)
      )
    }
    let all = q + k + v
    return (
      Place(operand: "qkv", first: 0, width: q, stride: all), Place(operand: "qkv", first: q, width: k, stride: all),
      Place(operand: "qkv", first: q + k, width: v, stride: all)
    )
  }

  /// What it reads and writes.
  public func operands() -> Operands {
    var numbers = SeededNumbers(seed: seed)
    var operands = Operands()
    let (q, k, v) = widths
    if isMerged {
      operands.add("qkv", x, numbers.floats(tokens * (q + k + v)))
    } else {
      operands.add("q", x, numbers.floats(tokens * q))
      operands.add("k", x, numbers.floats(tokens * k))
      operands.add("v", x, numbers.floats(tokens * v))
    }
    if rotaryDim > 0 {
      let positions = (0..<tokens).map { _ in numbers.next(in: 0...5000) }
      let frequencies = RopeSpec(dimensions: rotaryDim, theta: 10_000).inverseFrequencies
      operands.add("table", .float32, Reference.ropeTable(positions, frequencies).map(Float.init))
    }
    // Distinct places in any order; the third token has none.
    var slots = Array((0..<blocks * blockSize).shuffled(using: &numbers).prefix(tokens))
    if tokens > 2 { slots[2] = -1 }
    operands.add("slots", .int64, slots.map(Float.init))
    if hasQueries { operands.addOutput("q_out", out, count: qOut.elements) }
    operands.addOutput("cache", cache, count: blocks * blockElements)
    return operands
  }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_rope_cache_write_arguments {
    func part(_ place: Place, _ isThere: Bool) -> UnsafeMutableRawPointer? {
      isThere ? address(place.operand).map { $0 + place.first * x.byteCount } : nil
    }
    let (q, k, v) = places
    return nt_rope_cache_write_arguments(
      q: part(q, hasQueries), k: part(k, hasKeys), v: part(v, hasKeys),
      table: address("table")?.assumingMemoryBound(to: Float.self),
      slots: address("slots")?.assumingMemoryBound(to: Int64.self), q_out: address("q_out"), cache: address("cache"),
      tokens: Int64(tokens), q_stride: Int64(q.stride), k_stride: Int64(k.stride), v_stride: Int64(v.stride),
      q_out_stride: Int64(qOut.stride), heads: Int32(shape.heads), kv_heads: Int32(shape.kvHeads),
      head_dim: Int32(shape.headDim), value_dim: Int32(shape.valueDim), rotary_dim: Int32(rotaryDim),
      interleaved: isInterleaved ? 1 : 0, block_size: Int32(blockSize), x_dtype: x.rawValue, q_out_dtype: out.rawValue,
      cache_dtype: cache.rawValue, key_scale: 1, value_scale: 1)
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    func part(_ place: Place) -> [Double] {
      guard let values = operands[place.operand] else { return [] }
      var result: [Double] = []
      for token in 0..<tokens {
        let start = token * place.stride + place.first
        result += values[start..<start + place.width].map(Double.init)
      }
      return result
    }
    func rotated(_ x: [Double], heads: Int) -> [Double] {
      guard let table = operands["table"] else { return x }
      return Reference.rotated(
        x, heads: heads, headDim: shape.headDim, table: table.map(Double.init), rotaryDim: rotaryDim,
        interleaved: isInterleaved)
    }
    var cache = [Float](repeating: .nan, count: blocks * blockElements)
    if hasKeys {
      let k = rotated(part(places.k), heads: shape.kvHeads)
      let v = part(places.v)
      let slots = (operands["slots"] ?? []).map { Int($0) }
      let layout = CacheLayout(shape, blockSize: blockSize)
      for (token, slot) in slots.enumerated() where slot >= 0 {
        for head in 0..<shape.kvHeads {
          let row = token * shape.kvHeads + head
          for index in 0..<shape.headDim {
            cache[layout.key(slot, head) + index] = Float(k[row * shape.headDim + index])
          }
          for index in 0..<shape.valueDim {
            cache[layout.value(slot, head) + index] = Float(v[row * shape.valueDim + index])
          }
        }
      }
    }
    guard hasQueries else { return ["cache": cache] }
    let q = rotated(part(places.q), heads: shape.heads)
    return ["cache": cache, "q_out": qOut.spread(q)]
  }

  /// For messages.
  public var description: String {
    "\(isMerged ? "merged " : "")\(tokens) tokens, \(shape), \(rotaryDim) rotated\(isInterleaved ? " in pairs" : ""), "
      + "blocks of \(blockSize), \(x.name) -> \(out.name), cache \(cache.name), seed \(seed)"
  }
}

/// Where a token's keys and values are in a layer's cache (`rope.h`).
struct CacheLayout {
  private let shape: Reference.AttentionShape
  private let blockSize: Int

  init(_ shape: Reference.AttentionShape, blockSize: Int) {
    self.shape = shape
    self.blockSize = blockSize
  }

  private func head(_ slot: Int, _ head: Int) -> Int {
    (slot / blockSize * shape.kvHeads + head) * blockSize * (shape.headDim + shape.valueDim)
  }
  func key(_ slot: Int, _ head: Int) -> Int { self.head(slot, head) + slot % blockSize * shape.headDim }
  func value(_ slot: Int, _ head: Int) -> Int {
    self.head(slot, head) + blockSize * shape.headDim + slot % blockSize * shape.valueDim
  }
}
