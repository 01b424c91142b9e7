import CNeedletailCUDA

/// A kernel of a module; valid while the module lives.
public struct KernelFunction: Sendable {
  /// The context it belongs to.
  public let context: Context
  /// Its name in the machine code.
  public let name: String
  let handle: UInt
  /// Registers of a thread.
  public let registerCount: Int
  /// Bytes of shared memory that the kernel declares itself.
  public let staticSharedBytes: Int
  /// Bytes of local memory of a thread: spilled registers and arrays indexed at run time.
  public let localBytes: Int
  /// Threads a block may have.
  public let threadLimit: Int

  init(context: Context, name: String, handle: UInt) throws(CUDAError) {
    self.context = context
    self.name = name
    self.handle = handle
    func attribute(_ number: Int32) throws(CUDAError) -> Int {
      var value: Int32 = 0
      try check(
        context.driver.functions.functionGetAttribute(&value, number, handle), "cuFuncGetAttribute",
        in: context.driver, "attribute \(number) of \(name)")
      return Int(value)
    }
    threadLimit = try attribute(0)
    staticSharedBytes = try attribute(1)
    localBytes = try attribute(3)
    registerCount = try attribute(4)
  }

  /// Lets launches ask for this many bytes of shared memory beside the kernel's own; over 48 KiB needs it. Once, when
  /// the kernel is loaded: it is a property of the kernel, not of a launch.
  public func allowSharedBytes(_ bytes: Int) throws(CUDAError) {
    try set(8, Int32(clamping: bytes), "\(bytes) bytes of shared memory")
  }

  /// Lets launches use clusters of more than 8 blocks.
  public func allowLargeClusters() throws(CUDAError) {
    try set(14, 1, "clusters of over 8 blocks")
  }

  private func set(_ attribute: Int32, _ value: Int32, _ detail: @autoclosure () -> String) throws(CUDAError) {
    try context.makeCurrent()
    try check(
      context.driver.functions.functionSetAttribute(handle, attribute, value), "cuFuncSetAttribute",
      in: context.driver, "\(detail()) for \(name)")
  }

  /// How many blocks of a shape one multiprocessor holds at once.
  public func residentBlocks(threads: Int, sharedBytes: Int) throws(CUDAError) -> Int {
    try context.makeCurrent()
    var count: Int32 = 0
    try check(
      context.driver.functions.occupancyMaxActiveBlocks(&count, handle, Int32(clamping: threads), sharedBytes),
      "cuOccupancyMaxActiveBlocksPerMultiprocessor", in: context.driver, name)
    return Int(count)
  }
}
