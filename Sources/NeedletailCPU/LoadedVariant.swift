import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels

/// The launches of a variant with their addresses filled in.
final class LoadedVariant {
  // One block holds all argument structs, so that filling in a step's counts touches few pages.
  private let arguments: CPUBuffer
  private var launches: [nt_cpu_launch] = []
  private var counts: [(field: UnsafeMutablePointer<Int64>, dim: Dim)] = []
  private var times: [UInt64]

  init(
    _ variant: PlanVariant, kernels: KernelTable, address: (BufferReference) throws -> UnsafeMutableRawPointer
  ) throws {
    let stride = { (bytes: Int) in (bytes + 63) / 64 * 64 }
    arguments = try CPUBuffer(
      byteCount: variant.launches.reduce(0) { $0 + stride($1.arguments.bytes.count) }, for: "launches")
    times = Array(repeating: 0, count: variant.launches.count)
    var start = arguments.start
    for launch in variant.launches {
      launch.arguments.bytes.withUnsafeBytes { bytes in
        if let source = bytes.baseAddress { start.copyMemory(from: source, byteCount: bytes.count) }
      }
      for patch in launch.arguments.patches {
        let field = start + patch.offset
        switch patch.value {
        case .address(let reference):
          field.storeBytes(of: try address(reference), as: UnsafeMutableRawPointer.self)
        case .count(let dim): counts.append((field.assumingMemoryBound(to: Int64.self), dim))
        }
      }
      launches.append(nt_cpu_launch(kernel: try kernels.kernel(launch.kernel), arguments: UnsafeRawPointer(start)))
      start += stride(launch.arguments.bytes.count)
    }
  }

  /// Runs a step; the nanoseconds of each launch if asked for.
  func run(_ step: StepCounts, on pool: OpaquePointer, isTimed: Bool) -> [UInt64] {
    for (field, dim) in counts { field.pointee = Int64(dim.value(in: step)) }
    guard isTimed else {
      nt_pool_run(pool, launches, UInt64(launches.count), nil)
      return []
    }
    nt_pool_run(pool, launches, UInt64(launches.count), &times)
    return times
  }
}
