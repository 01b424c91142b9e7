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
  /// activation(gate) * up inside the product that computes both.
  case gatedLinear
  /// x + delta inside the product that computes delta.
  case residualLinear
  /// The rows whose logits are needed, chosen by the product that reads them.
  case scoredRowsLinear
  /// The norm of the rows that a product multiplies, inside the product.
  case normLinear
  /// The write to the cache and attention over it.
  case cachedAttention
}

extension Set<Fusion> {
  /// Those of operations around products, which leave products and attention by themselves.
  public static var aroundProducts: Set<Fusion> { [.mergedLinear, .gatedActivation, .ropeCacheWrite, .addNorm] }
}
