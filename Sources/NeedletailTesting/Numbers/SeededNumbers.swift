#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Numbers that a seed determines, the same on every machine (SplitMix64; Steele et al. 2014).
///
///     var numbers = SeededNumbers(seed: 7)
///     let x = numbers.floats(4096)          // standard normal
///     let rows = numbers.next(in: 1...64)
public struct SeededNumbers: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// Numbers of a seed; neighbouring seeds give unrelated numbers.
  public init(seed: UInt64) {
    state = seed &* 0xD1B5_4A32_D192_ED03
    _ = next()
  }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
  }

  /// Uniform in 0 ..< 1.
  public mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A uniform integer of a range.
  public mutating func next(in range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(next() % UInt64(range.count))
  }

  /// One of some values.
  public mutating func pick<Element>(_ values: [Element]) -> Element { values[next(in: 0...values.count - 1)] }

  /// Standard normal (Box and Muller 1958).
  public mutating func normal() -> Float {
    let radius = (-2 * log(1 - unit())).squareRoot()
    return Float(radius * cos(2 * Double.pi * unit()))
  }

  /// Normal numbers of a standard deviation.
  public mutating func floats(_ count: Int, deviation: Float = 1, mean: Float = 0) -> [Float] {
    (0..<count).map { _ in normal() * deviation + mean }
  }
}
