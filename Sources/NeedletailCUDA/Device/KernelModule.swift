import CNeedletailCUDA

/// Machine code that was loaded onto a GPU.
public struct KernelModule: ~Copyable, Sendable {
  /// The context it belongs to.
  public let context: Context
  /// What its errors call it, as "norm/rms_norm.cu".
  public let name: String
  let handle: UInt

  /// Loads a cubin. Throws with what the driver's loader says where it does not fit the GPU or is damaged.
  public init(_ context: Context, cubin: [UInt8], name: String) throws(CUDAError) {
    // The driver reads as far as the image says, and has no length to check that against.
    guard cubin.count >= 64, cubin.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
      throw CUDAError("\(name): \(cubin.count) bytes that are no cubin")
    }
    try context.makeCurrent()
    var handle: UInt = 0
    var log = [CChar](repeating: 0, count: 4096)
    let code = log.withUnsafeMutableBytes { log in
      // An error log and its size, which the driver takes in the place of a pointer.
      var options: [Int32] = [5, 6]
      var values: [UnsafeMutableRawPointer?] = [log.baseAddress, UnsafeMutableRawPointer(bitPattern: log.count - 1)]
      return cubin.withUnsafeBytes { image in
        image.baseAddress.map {
          context.driver.functions.moduleLoadDataEx(&handle, $0, UInt32(options.count), &options, &values)
        } ?? -1
      }
    }
    let said = string(log)
    try check(
      code, "cuModuleLoadDataEx", in: context.driver,
      "\(name), \(cubin.count) bytes for \(context.device.summary)" + (said.isEmpty ? "" : ": \(said)"))
    self.context = context
    self.name = name
    self.handle = handle
  }

  deinit { context.release { $0.moduleUnload(handle) } }

  /// A kernel by the name it has in the machine code (`extern "C"`, or the lowered name of a template's instance).
  public func function(_ function: String) throws(CUDAError) -> KernelFunction {
    try context.makeCurrent()
    var found: UInt = 0
    try check(
      context.driver.functions.moduleGetFunction(&found, handle, function), "cuModuleGetFunction", in: context.driver,
      "\(function) in \(name)")
    return try KernelFunction(context: context, name: function, handle: found)
  }

  /// The address and size of a variable in the GPU's memory.
  public func global(_ variable: String) throws(CUDAError) -> (address: UInt64, byteCount: Int) {
    try context.makeCurrent()
    var (address, count): (UInt64, Int) = (0, 0)
    try check(
      context.driver.functions.moduleGetGlobal(&address, &count, handle, variable), "cuModuleGetGlobal_v2",
      in: context.driver, "\(variable) in \(name)")
    return (address, count)
  }
}
