/// Several operations that a device may have one kernel for.
public enum Fusion: String, Hashable, Sendable, Codable, CaseIterable {
  /// Products of the same rows by several matrices, as one product.
  case mergedLinear
  /// activation(gate) * up, both parts of one product.
  case gatedActivation
  /// Rotation of queries and keys while keys and values are written to the cache, from one merged product if there is
  /// one. Without it queries and keys are rotated first.
  case ropeCacheWrite
  /// x + delta and the norm of the sum.
  case addNorm
}
