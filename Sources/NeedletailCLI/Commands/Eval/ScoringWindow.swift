import Needletail
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

func exponential(_ x: Double) -> Double { exp(x) }

/// A window of a text and which of its tokens are scored.
package struct ScoringWindow: Sendable, Hashable {
  /// The window's tokens, as indices into the text.
  package let tokens: Range<Int>
  /// The tokens that it scores: the end of the window, never its first token.
  package let scored: Range<Int>

  /// Windows of `context` tokens moved by `stride`, of which each scores what the one before did not reach.
  package static func plan(count: Int, context: Int, stride: Int) -> [ScoringWindow] {
    precondition(context >= 2 && stride >= 1 && stride <= context, "context \(context), stride \(stride)")
    var windows: [ScoringWindow] = []
    var reached = 1
    var start = 0
    while reached < count {
      let end = min(start + context, count)
      // With a stride of the whole context nothing stands before a window's first token: it is not scored.
      let first = max(reached, start + 1)
      if first < end { windows.append(ScoringWindow(tokens: start..<end, scored: first..<end)) }
      reached = end
      start += stride
    }
    return windows
  }

  /// The sum of the negative log-likelihoods of the scored tokens.
  func score(_ ids: [Int32], on engine: Engine) async throws -> Double {
    let window = Array(ids[tokens])
    // The logits at a position are those of the token after it.
    let positions = scored.lowerBound - tokens.lowerBound - 1..<scored.upperBound - tokens.lowerBound - 1
    let sum = Mutex(0.0)
    try await engine.score(window, positions: positions) { positions, logits in
      var part = 0.0
      for (row, position) in positions.enumerated() {
        let target = Int(window[position + 1])
        let nll = LogLikelihood.negative(of: target, in: logits[row])
        guard nll.isFinite else {
          throw RunningError("the logits at position \(position) are not finite: the model's numbers overflowed")
        }
        part += nll
      }
      sum.withLock { $0 += part }
    }
    return sum.withLock { $0 }
  }
}

/// Log-likelihoods of tokens from logits.
package enum LogLikelihood {
  /// log(sum(exp(logits))) - logits[target], in nats. Infinite or NaN where the logits are.
  package static func negative(of target: Int, in logits: UnsafeBufferPointer<Float>) -> Double {
    typealias Vector = SIMD16<Float>
    guard let base = logits.baseAddress else { return .nan }
    let whole = logits.count / 16 * 16
    let raw = UnsafeRawPointer(base)
    var maxima = Vector(repeating: -.infinity)
    for index in stride(from: 0, to: whole, by: 16) {
      let values = raw.loadUnaligned(fromByteOffset: index * 4, as: Vector.self)
      maxima.replace(with: values, where: values .> maxima)
    }
    var maximum = maxima.max()
    for index in whole..<logits.count { maximum = max(maximum, logits[index]) }
    guard maximum.isFinite else { return .nan }
    var sums = Vector.zero
    for index in stride(from: 0, to: whole, by: 16) {
      sums += exponential(raw.loadUnaligned(fromByteOffset: index * 4, as: Vector.self) - maximum)
    }
    var sum = 0.0
    for lane in 0..<16 { sum += Double(sums[lane]) }
    for index in whole..<logits.count { sum += Double(exp(logits[index] - maximum)) }
    return log(sum) - Double(logits[target] - maximum)
  }

  /// exp of numbers up to 0, to about two units in the last place: 2^n times a polynomial of the remainder (Cephes).
  private static func exponential(_ x: SIMD16<Float>) -> SIMD16<Float> {
    let clamped = x.replacing(with: -87, where: x .< -87)
    let n = (clamped * 1.442_695_04).rounded(.toNearestOrEven)
    let r = clamped - n * 0.693_359_375 + n * 2.121_944_4e-4
    var p = SIMD16<Float>(repeating: 1.987_569_15e-4)
    p = p * r + 1.398_199_950_7e-3
    p = p * r + 8.333_451_907_3e-3
    p = p * r + 4.166_579_589_4e-2
    p = p * r + 1.666_666_545_9e-1
    p = p * r + 5.000_000_120_1e-1
    p = p * r * r + r + 1
    let exponent = SIMD16<Int32>(n) &+ 127
    return p * unsafeBitCast(exponent &<< 23, to: SIMD16<Float>.self)
  }
}
