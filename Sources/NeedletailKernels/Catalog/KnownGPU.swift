/// A GPU that plans can be made for and looked at where there is none, with its maker's figures.
public struct KnownGPU: Sendable, Hashable {
  /// "NVIDIA H200"
  public var name: String
  /// What configurations are chosen by.
  public var traits: GPUTraits
  /// Bytes of its memory.
  public var memoryBytes: Int
  /// Bytes a second that it reads.
  public var bytesPerSecond: Double
  /// Multiplications and additions a second of 16-bit products.
  public var operationsPerSecond: Double

  /// One of each architecture that kernels are compiled for. The H200's rates are what one reached, the others' are
  /// published ones.
  public static let all = [
    KnownGPU(
      name: "NVIDIA A100 80GB", traits: .a100, memoryBytes: 81_920 << 20, bytesPerSecond: 2.04e12,
      operationsPerSecond: 312e12),
    KnownGPU(
      name: "NVIDIA L40S", traits: .l40s, memoryBytes: 46_068 << 20, bytesPerSecond: 0.864e12,
      operationsPerSecond: 362e12),
    KnownGPU(
      name: "NVIDIA H200", traits: .h200, memoryBytes: 143_771 << 20, bytesPerSecond: 4.55e12,
      operationsPerSecond: 794e12),
    KnownGPU(
      name: "NVIDIA B200", traits: .b200, memoryBytes: 183_359 << 20, bytesPerSecond: 8e12,
      operationsPerSecond: 2250e12),
  ]

  /// The one of an architecture ("sm_90a") or of a name's last words ("h200", "A100 80GB").
  public static func named(_ text: String) -> KnownGPU? {
    let wanted = text.lowercased()
    return all.first { gpu in
      let words = gpu.name.lowercased().split(separator: " ")
      return gpu.traits.architecture == wanted || words.dropFirst().joined(separator: " ").hasPrefix(wanted)
    }
  }
}

extension GPUTraits {
  /// An A100.
  public static let a100 = GPUTraits(
    architecture: "sm_80", multiprocessors: 108, sharedBytesPerBlock: 166_912, l2Bytes: 41_943_040)
  /// An L40S.
  public static let l40s = GPUTraits(
    architecture: "sm_89", multiprocessors: 142, sharedBytesPerBlock: 101_376, l2Bytes: 100_663_296)
  /// A B200.
  public static let b200 = GPUTraits(
    architecture: "sm_100a", multiprocessors: 148, sharedBytesPerBlock: 232_448, l2Bytes: 132_644_864)
}
