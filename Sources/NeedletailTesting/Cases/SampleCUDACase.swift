import CNeedletailKernels
import NeedletailGraph

/// Sampling as a GPU's kernels take it: with memory of their own. See `sample_cuda.h`.
public struct SampleCUDACase: KernelCase {
  /// The rows.
  public var rows: SampleCase

  /// Sampling of some rows.
  public init(_ rows: SampleCase) { self.rows = rows }

  /// The kernel.
  public static let kernel = "sample"

  /// Those of every device, and rows that want nothing but their token, alone and among others.
  public static var edges: [SampleCUDACase] {
    var edges = SampleCase.edges
    for vocabulary in [1, 33, 1025, 2047, 2049, 4096, 32_000, 50_257, 128_256] {
      for count in [1, 3, 40] where vocabulary * count < 2_000_000 {
        var bare = SampleCase(
          vocabulary: vocabulary, Array(repeating: Reference.Sampling(), count: count), grain: count == 3 ? 2 : 0,
          seed: UInt64(vocabulary + count))
        bare.isBare = true
        edges.append(bare)
      }
      var mixed = SampleCase(
        vocabulary: vocabulary, SampleCase.options(vocabulary: vocabulary, count: 6, seed: UInt64(vocabulary)))
      mixed.isBare = true
      edges.append(mixed)
    }
    return edges.map(SampleCUDACase.init)
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> SampleCUDACase { SampleCUDACase(.random(&numbers)) }

  /// What it reads and writes.
  public func operands() -> Operands { rows.operands() }

  /// Its argument struct; the kernels' own memory lies at "workspace" and "counters".
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_sample_cuda_arguments {
    nt_sample_cuda_arguments(
      sample: rows.arguments(address), workspace: address("workspace"),
      counters: address("counters")?.assumingMemoryBound(to: UInt32.self))
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] { rows.expected(operands) }

  /// How far results may be off.
  public func bounds(_ dtype: DType) -> Comparison.Bounds { rows.bounds(dtype) }

  /// For messages.
  public var description: String { rows.description }
}
