import CNeedletailCUDA

/// Memory of the host that the GPU copies from and to at the bus's full rate and while the caller goes on.
public struct PinnedBuffer: ~Copyable, @unchecked Sendable {
  /// The context it belongs to.
  public let context: Context
  /// The memory; valid while the buffer lives.
  public let bytes: UnsafeMutableRawBufferPointer

  /// Allocates memory, whose content is arbitrary. `isWriteCombined`: the host only writes it (reading is very slow),
  /// which may speed up copies to the GPU.
  public init(_ context: Context, byteCount: Int, isWriteCombined: Bool = false) throws(CUDAError) {
    precondition(byteCount > 0, "byteCount: \(byteCount)")
    try context.makeCurrent()
    var address: UnsafeMutableRawPointer?
    // Usable from every context, and mapped into the GPU's addresses.
    let flags: UInt32 = 3 | (isWriteCombined ? 4 : 0)
    try check(
      context.driver.functions.memHostAlloc(&address, byteCount, flags), "cuMemHostAlloc", in: context.driver,
      "\(gibibytes(byteCount)) (\(byteCount) bytes) of pinned host memory")
    self.context = context
    bytes = UnsafeMutableRawBufferPointer(start: address, count: byteCount)
  }

  deinit {
    guard let base = bytes.baseAddress else { return }
    context.release { $0.memFreeHost(base) }
  }

  /// The address under which kernels read and write it, over the bus.
  public func deviceAddress() throws(CUDAError) -> UInt64 {
    guard let base = bytes.baseAddress else { return 0 }
    try context.makeCurrent()
    var address: UInt64 = 0
    try check(
      context.driver.functions.memHostGetDevicePointer(&address, base, 0), "cuMemHostGetDevicePointer_v2",
      in: context.driver)
    return address
  }
}
