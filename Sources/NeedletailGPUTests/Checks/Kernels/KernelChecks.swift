extension GPUCheck {
  /// The kernels, family by family.
  static let kernels = rope + matmul + attention
}
