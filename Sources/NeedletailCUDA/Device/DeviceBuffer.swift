import CNeedletailCUDA

/// Memory of a GPU.
public struct DeviceBuffer: ~Copyable, Sendable {
  /// The context it belongs to.
  public let context: Context
  /// Its address on the GPU, a multiple of 256.
  public let address: UInt64
  /// Its size.
  public let byteCount: Int

  /// Allocates memory, whose content is arbitrary. Throws with what is asked for and what is free where the GPU's
  /// memory does not suffice.
  public init(_ context: Context, byteCount: Int) throws(CUDAError) {
    precondition(byteCount > 0, "byteCount: \(byteCount)")
    try context.makeCurrent()
    var address: UInt64 = 0
    let code = context.driver.functions.memAlloc(&address, byteCount)
    try check(code, "cuMemAlloc_v2", in: context.driver, Self.shortage(context, byteCount))
    self.context = context
    self.address = address
    self.byteCount = byteCount
  }

  deinit { context.release { $0.memFree(address) } }

  private static func shortage(_ context: Context, _ byteCount: Int) -> String {
    let asked = "\(gibibytes(byteCount)) (\(byteCount) bytes) on \(context.device.name)"
    guard let memory = try? context.memory() else { return asked }
    return "\(asked), of whose \(gibibytes(memory.total)) are \(gibibytes(memory.free)) free"
  }
}
