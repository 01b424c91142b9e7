#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The angles of rotary position embeddings (Su et al. 2021) and how they are stretched to longer contexts.
///
/// Nothing here depends on a step: types whose factors follow the length ("dynamic", "longrope") are resolved once, from
/// the engine's maximum sequence length, when the model is traced, so that chunks and caches cannot change them.
public struct RopeSpec: Hashable, Sendable {
  /// How frequencies are changed.
  public enum Scaling: Hashable, Sendable {
    /// Not at all.
    case none
    /// All divided by the factor (Chen et al. 2023).
    case linear(factor: Float)
    /// Low frequencies divided by the factor, high ones kept, a ramp between (Llama 3.1).
    case llama3(factor: Float, lowFrequency: Float, highFrequency: Float, originalLength: Int)
    /// Interpolation by parts (Peng et al. 2023). `truncates` rounds the ramp's ends to whole dimensions.
    case yarn(factor: Float, betaFast: Float, betaSlow: Float, originalLength: Int, truncates: Bool)
    /// A factor for each frequency (LongRoPE, Ding et al. 2024).
    case perDimension(factors: [Float])
  }

  /// Rotated dimensions of a head; even.
  public var dimensions: Int
  /// Base of the frequencies.
  public var theta: Double
  /// How they are changed.
  public var scaling: Scaling
  /// Factor of cosines and sines (yarn's and longrope's attention factor).
  public var attentionFactor: Float

  /// Angles for heads with this many rotated dimensions.
  public init(dimensions: Int, theta: Double, scaling: Scaling = .none, attentionFactor: Float = 1) {
    precondition(dimensions > 0 && dimensions % 2 == 0, "rope over \(dimensions) dimensions")
    if case .perDimension(let factors) = scaling { precondition(factors.count == dimensions / 2) }
    self.dimensions = dimensions
    self.theta = theta
    self.scaling = scaling
    self.attentionFactor = attentionFactor
  }

  /// Radians per position of each pair of dimensions: [dimensions / 2]. Rounded to float32 at each step, as the
  /// reference implementations do.
  public var inverseFrequencies: [Float] {
    let powers = (0..<dimensions / 2).map { Float(pow(theta, Double(Float(2 * $0) / Float(dimensions)))) }
    let plain = powers.map { 1 / $0 }
    switch scaling {
    case .none: return plain
    case .linear(let factor): return plain.map { $0 / factor }
    case .perDimension(let factors): return zip(powers, factors).map { 1 / ($1 * $0) }
    case .llama3(let factor, let low, let high, let originalLength):
      let original = Float(originalLength)
      return plain.map { frequency in
        let wavelength = 2 * Float.pi / frequency
        if wavelength > original / low { return frequency / factor }
        if wavelength < original / high { return frequency }
        let smooth = (original / wavelength - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
      }
    case .yarn(let factor, let betaFast, let betaSlow, let originalLength, let truncates):
      // The dimension that turns `rotations` times over the original length.
      func dimension(_ rotations: Float) -> Double {
        Double(dimensions) * log(Double(originalLength) / (Double(rotations) * 2 * .pi)) / (2 * log(theta))
      }
      var low = dimension(betaFast)
      var high = dimension(betaSlow)
      if truncates {
        low = low.rounded(.down)
        high = high.rounded(.up)
      }
      low = max(low, 0)
      high = min(high, Double(dimensions - 1))
      if low == high { high += 0.001 }
      return powers.enumerated().map { index, power in
        let ramp = Float(min(max((Double(index) - low) / (high - low), 0), 1))
        return (1 / (factor * power)) * ramp + (1 / power) * (1 - ramp)
      }
    }
  }
}
