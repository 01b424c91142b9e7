import CNeedletailCUDA

/// A GPU's primary context, retained while anything of it lives.
///
/// It is a class, unlike the owners below it: streams, buffers, modules and graphs hold it, so that it outlives them
/// whatever the order they are dropped in. Every call of theirs makes it the thread's current context first, which
/// costs some tens of nanoseconds and lets tasks move between threads.
public final class Context: Sendable {
  /// The driver it belongs to.
  public let driver: CUDADriver
  /// The GPU.
  public let device: DeviceProperties
  let handle: UInt
  private let deviceHandle: Int32

  /// The context of a GPU. Throws where the GPU is too old, or the driver's error where it cannot be had (its memory is
  /// used up, another process has it for itself).
  public init(_ driver: CUDADriver, ordinal: Int = 0) throws(CUDAError) {
    let count = try driver.deviceCount()
    guard ordinal >= 0, ordinal < count else {
      throw CUDAError("there is no GPU \(ordinal): the driver sees \(count)")
    }
    let device = try DeviceProperties(driver, ordinal: ordinal)
    try device.requireSupported()
    var deviceHandle: Int32 = 0
    try check(driver.functions.deviceGet(&deviceHandle, Int32(ordinal)), "cuDeviceGet", in: driver, "GPU \(ordinal)")
    var handle: UInt = 0
    let code = driver.functions.primaryContextRetain(&handle, deviceHandle)
    try check(code, "cuDevicePrimaryCtxRetain", in: driver, DriverAdvice.refusal(of: device.summary, code: code))
    self.driver = driver
    self.device = device
    self.handle = handle
    self.deviceHandle = deviceHandle
  }

  deinit { _ = driver.functions.primaryContextRelease(deviceHandle) }

  /// Makes it the calling thread's current context.
  public func makeCurrent() throws(CUDAError) {
    try check(driver.functions.contextSetCurrent(handle), "cuCtxSetCurrent", in: driver, device.name)
  }

  /// Waits for all work on the GPU; errors of kernels that ran show here.
  public func synchronize() throws(CUDAError) {
    try makeCurrent()
    try check(driver.functions.contextSynchronize(), "cuCtxSynchronize", in: driver, device.name)
  }

  /// Bytes of memory, free and in all, counting what other processes hold as not free.
  public func memory() throws(CUDAError) -> (free: Int, total: Int) {
    try makeCurrent()
    var (free, total) = (0, 0)
    try check(driver.functions.memGetInfo(&free, &total), "cuMemGetInfo_v2", in: driver, device.name)
    return (free, total)
  }

  /// Runs a release of an owner's handle: with the context current, and without anyone to tell of a failure.
  func release(_ body: (borrowing nt_cuda_driver) -> Int32) {
    guard driver.functions.contextSetCurrent(handle) == 0 else { return }
    _ = body(driver.functions)
  }
}
