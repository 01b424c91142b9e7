import NeedletailGraph

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Rotary positions (Su et al. 2021): rotates the first dimensions of each head by angles that grow with the position.
///
/// Types that depend on a length ("dynamic", "longrope") take the engine's maximum sequence length and never that of a
/// step, so that chunks and caches cannot change the angles.
public struct Rope: Hashable, Sendable {
  /// How frequencies are changed for long contexts, as configs say it.
  public enum Scaling: Hashable, Sendable {
    /// In a way that depends on no length.
    case fixed(RopeSpec.Scaling)
    /// A larger base for sequences over the original length ("dynamic NTK").
    case dynamic(factor: Double, originalLength: Int)
    /// A factor for each frequency: one set up to the original length, another over it (Ding et al. 2024).
    case longRope(short: [Float], long: [Float], originalLength: Int)
  }

  /// Rotated dimensions of a head; even.
  public let dimensions: Int
  /// Base of the frequencies.
  public let theta: Double
  /// How they are changed.
  public let scaling: Scaling
  /// Factor of cosines and sines.
  public let attentionFactor: Float
  /// Factor of cosines and sines where sequences are longer than the original length ("longrope"); nil: the same.
  public let longAttentionFactor: Float?
  /// Pairs (2i, 2i + 1) instead of (i, i + half).
  public let isInterleaved: Bool

  /// Positions of so many dimensions of a head.
  public init(
    dimensions: Int, theta: Double, scaling: Scaling = .fixed(.none), attentionFactor: Float = 1,
    longAttentionFactor: Float? = nil, isInterleaved: Bool = false
  ) {
    precondition(dimensions > 0 && dimensions % 2 == 0, "rope over \(dimensions) dimensions")
    self.dimensions = dimensions
    self.theta = theta
    self.scaling = scaling
    self.attentionFactor = attentionFactor
    self.longAttentionFactor = longAttentionFactor
    self.isInterleaved = isInterleaved
  }

  /// The angles for an engine whose sequences are at most this long, in tokens.
  public func spec(maximumSequenceLength length: Int) -> RopeSpec {
    switch scaling {
    case .fixed(let scaling):
      return RopeSpec(dimensions: dimensions, theta: theta, scaling: scaling, attentionFactor: attentionFactor)
    case .dynamic(let factor, let originalLength):
      let ratio = Double(max(length, originalLength)) / Double(originalLength)
      let exponent = Double(dimensions) / Double(dimensions - 2)
      let stretched = theta * pow(factor * ratio - (factor - 1), exponent)
      return RopeSpec(dimensions: dimensions, theta: stretched, attentionFactor: attentionFactor)
    case .longRope(let short, let long, let originalLength):
      return RopeSpec(
        dimensions: dimensions, theta: theta,
        scaling: .perDimension(factors: length > originalLength ? long : short),
        attentionFactor: length > originalLength ? longAttentionFactor ?? attentionFactor : attentionFactor)
    }
  }

  /// The heads of x, rotated by their tokens' positions: [tokens, heads, head width].
  public func callAsFunction(_ x: Tensor, _ step: Step) -> Tensor {
    let table = step.positions.ropeTable(spec(maximumSequenceLength: step.maximumSequenceLength))
    return x.rotated(by: table, interleaved: isInterleaved)
  }
}
