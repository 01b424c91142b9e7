import CNeedletailKernels

/// Memory of the CPU device: zeroed, aligned to 64 bytes, on huge pages where the system gives them.
struct CPUMemory: ~Copyable {
  let start: UnsafeMutableRawPointer
  let byteCount: Int

  init(byteCount: Int, for purpose: String) throws(CPUError) {
    let size = max(byteCount, 64)
    guard let start = nt_memory_allocate(UInt64(size)) else {
      throw CPUError("\(size / 1_048_576) MiB for \(purpose) could not be had from the system")
    }
    self.start = start
    self.byteCount = size
  }

  deinit { nt_memory_free(start, UInt64(byteCount)) }

  var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: start, count: byteCount) }
}

/// A piece of memory that a table can hold.
final class CPUBuffer {
  private let memory: CPUMemory
  init(byteCount: Int, for purpose: String) throws(CPUError) {
    memory = try CPUMemory(byteCount: byteCount, for: purpose)
  }
  var start: UnsafeMutableRawPointer { memory.start }
  var byteCount: Int { memory.byteCount }
}
