extension GPUCheck {
  /// The kernels, family by family.
  static let kernels: [GPUCheck] =
    [rows, rope, fewRows, matmul, float8, experts, attention, latent, sampling].flatMap { $0 }
}
