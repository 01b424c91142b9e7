extension GPUCheck {
  /// The kernels, family by family.
  static let kernels: [GPUCheck] =
    [rows, rope, fewRows, codedProducts, matmul, float8, experts, attention, latent, sampling].flatMap { $0 }
}
