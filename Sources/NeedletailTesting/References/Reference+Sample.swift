#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Reference {
  /// How one row of logits is sampled; `sample.h` says what the numbers mean.
  public struct Sampling: Hashable, Sendable {
    /// Key of the counter generator.
    public var seed: UInt64 = 0
    /// Index of the token in its request's output.
    public var position: UInt64 = 0
    /// 0: the largest logit.
    public var temperature: Float = 0
    /// 0: off.
    public var topK = 0
    /// 1: off.
    public var topP: Float = 1
    /// 0: off.
    public var minP: Float = 0
    /// 1: off; on tokens of prompt and output.
    public var repetitionPenalty: Float = 1
    /// 0: off; on tokens of the output.
    public var presencePenalty: Float = 0
    /// 0: off; on tokens of the output.
    public var frequencyPenalty: Float = 0
    /// How often each token of the text so far is in its output.
    public var history: [Int: Int] = [:]
    /// Added to logits.
    public var biases: [Int: Float] = [:]
    /// The only tokens that may be chosen; nil: all.
    public var allowed: Set<Int>?

    /// Greedy.
    public init() {}
  }

  /// The token that is drawn from a row of logits.
  public static func sample(_ logits: [Float], _ options: Sampling) -> Int {
    var values = logits.map(Double.init)
    for (token, bias) in options.biases { values[token] += Double(bias) }
    if let allowed = options.allowed {
      for token in values.indices where !allowed.contains(token) { values[token] = -.infinity }
    }
    for (token, generated) in options.history {
      let penalty = Double(options.repetitionPenalty)
      values[token] = values[token] > 0 ? values[token] / penalty : values[token] * penalty
      guard generated > 0 else { continue }
      values[token] -= Double(options.presencePenalty) + Double(options.frequencyPenalty) * Double(generated)
    }
    // Descending; ties to the lower id.
    var order = values.indices.filter { values[$0] > -.infinity }
    order.sort { values[$0] != values[$1] ? values[$0] > values[$1] : $0 < $1 }
    guard let largest = order.first else { return options.allowed?.min() ?? 0 }
    guard options.temperature > 0 else { return largest }
    func weight(_ token: Int) -> Double { exp((values[token] - values[largest]) / Double(options.temperature)) }
    if options.topK > 0 { order = Array(order.prefix(options.topK)) }
    if options.topP < 1 {
      let goal = Double(options.topP) * order.reduce(0) { $0 + weight($1) }
      var sum = 0.0
      var kept = 0
      while kept < order.count, sum < goal || kept == 0 {
        sum += weight(order[kept])
        kept += 1
      }
      order = Array(order.prefix(kept))
    }
    order = order.filter { weight($0) >= Double(options.minP) }.sorted()
    var place = Double(random(options.seed, options.position)) * 0x1p-64 * order.reduce(0) { $0 + weight($1) }
    for token in order {
      place -= weight(token)
      if place < 0 { return token }
    }
    return order.last ?? largest
  }

  /// The logarithm of the softmax of a row.
  public static func logProbabilities(_ logits: [Float]) -> [Double] {
    let highest = Double(logits.max() ?? 0)
    let total = log(logits.reduce(0) { $0 + exp(Double($1) - highest) })
    return logits.map { Double($0) - highest - total }
  }

  /// The first 64 bits of Philox4x32-10 (Salmon et al. 2011) with the seed as key and the position as counter.
  public static func random(_ seed: UInt64, _ position: UInt64) -> UInt64 {
    var key = [UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)]
    var counter = [UInt32(truncatingIfNeeded: position), UInt32(truncatingIfNeeded: position >> 32), 0, 0]
    for _ in 0..<10 {
      let a = UInt64(0xD251_1F53) * UInt64(counter[0])
      let b = UInt64(0xCD9E_8D57) * UInt64(counter[2])
      counter = [
        UInt32(b >> 32) ^ counter[1] ^ key[0], UInt32(truncatingIfNeeded: b), UInt32(a >> 32) ^ counter[3] ^ key[1],
        UInt32(truncatingIfNeeded: a),
      ]
      key = [key[0] &+ 0x9E37_79B9, key[1] &+ 0xBB67_AE85]
    }
    return UInt64(counter[1]) << 32 | UInt64(counter[0])
  }
}
