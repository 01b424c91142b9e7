import CNeedletailKernels

/// A model whose logits are a hash of all tokens so far: a wrong token, position, slot or block changes everything.
struct FakeModel: Sendable {
  let vocabularySize: Int

  /// Folds the token at `position` into the state of the positions before it.
  func advance(_ state: UInt64, token: Int32, position: Int) -> UInt64 {
    mix(state ^ mix(UInt64(UInt32(bitPattern: token)) << 20 ^ UInt64(position)))
  }

  func state(of tokens: some Sequence<Int32>) -> UInt64 {
    var state: UInt64 = 0
    for (position, token) in tokens.enumerated() { state = advance(state, token: token, position: position) }
    return state
  }

  /// Values in -8 ..< 8, `[vocabularySize]`.
  func logits(_ state: UInt64) -> [Float] {
    (0..<vocabularySize).map { Float(mix(state &+ UInt64($0) &* 0x9E37_79B9_7F4A_7C15) >> 44) / 65536 - 8 }
  }
}

/// Everything that decides one draw, in plain form.
struct Draw {
  var temperature: Float = 0
  var topK = 0
  var topP: Float = 1
  var minP: Float = 0
  var repetition: Float = 1
  var presence: Float = 0
  var frequency: Float = 0
  var seed: UInt64 = 0
  var position: UInt64 = 0
  /// Occurrences in the output, for each token of prompt and output.
  var counts: [Int32: Int] = [:]
  var bias: [Int32: Float] = [:]

  func token(_ raw: [Float]) -> Int32 {
    var logits = raw
    for (token, bias) in bias { logits[Int(token)] += bias }
    for (token, count) in counts {
      let index = Int(token)
      logits[index] = logits[index] > 0 ? logits[index] / repetition : logits[index] * repetition
      if count > 0 { logits[index] -= presence + Float(count) * frequency }
    }
    let ranked = (0..<logits.count).sorted { (logits[$0], $1) > (logits[$1], $0) }
    if temperature == 0 { return Int32(ranked[0]) }
    var kept = Array(topK > 0 ? ranked.prefix(topK)[...] : ranked[...])
    var weights = kept.map { Double.exponential(Double((logits[$0] - logits[ranked[0]]) / temperature)) }
    let total = weights.reduce(0, +)
    var sum = 0.0
    var count = 0
    while count < kept.count, sum < Double(topP) * total {
      sum += weights[count]
      count += 1
    }
    while count > 1, weights[count - 1] < Double(minP) * weights[0] { count -= 1 }
    kept = Array(kept.prefix(count))
    weights = Array(weights.prefix(count))
    let uniform = Double(mix(seed ^ mix(position &+ 1)) >> 11) / Double(1 << 53)
    var target = uniform * weights.reduce(0, +)
    for (index, weight) in weights.enumerated() {
      target -= weight
      if target < 0 { return Int32(kept[index]) }
    }
    return Int32(kept[kept.count - 1])
  }
}

/// Natural log-probabilities of `logits`.
func logSoftmax(_ logits: [Float]) -> [Float] {
  let largest = logits.max() ?? 0
  let sum = logits.reduce(0.0) { $0 + Double.exponential(Double($1 - largest)) }
  let logSum = Double.logarithm(sum)
  return logits.map { Float(Double($0 - largest) - logSum) }
}
