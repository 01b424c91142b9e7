import CNeedletailCUDA

/// A queue of work for a GPU: what is put into it runs in order, and calls return before it ran.
public struct Stream: ~Copyable, Sendable {
  /// The context it belongs to.
  public let context: Context
  /// The driver's handle, for calls of other libraries; valid while the stream lives.
  public let handle: UInt

  /// A stream that does not wait for the default stream. Of two, the one of higher priority starts its blocks first.
  public init(_ context: Context, isHighPriority: Bool = false) throws(CUDAError) {
    try context.makeCurrent()
    let driver = context.driver
    var (least, greatest): (Int32, Int32) = (0, 0)
    try check(
      driver.functions.contextGetStreamPriorityRange(&least, &greatest), "cuCtxGetStreamPriorityRange", in: driver)
    var handle: UInt = 0
    try check(
      driver.functions.streamCreate(&handle, 1, isHighPriority ? greatest : least), "cuStreamCreateWithPriority",
      in: driver, context.device.name)
    self.context = context
    self.handle = handle
  }

  deinit { context.release { $0.streamDestroy(handle) } }

  /// Waits until all work in it ran; errors of its kernels show here.
  public func synchronize() throws(CUDAError) {
    try run("cuStreamSynchronize") { $0.streamSynchronize(handle) }
  }

  /// Whether all work in it ran.
  public func isIdle() throws(CUDAError) -> Bool {
    try context.makeCurrent()
    let code = context.driver.functions.streamQuery(handle)
    if code == CUDAStatus.notReady { return false }
    try check(code, "cuStreamQuery", in: context.driver)
    return true
  }

  /// Lets later work wait for an event that was recorded in another stream.
  public func wait(for event: borrowing Event) throws(CUDAError) {
    let eventHandle = event.handle
    try run("cuStreamWaitEvent") { $0.streamWaitEvent(handle, eventHandle, 0) }
  }

  /// Records an event behind the work so far.
  public func record(_ event: borrowing Event) throws(CUDAError) {
    let eventHandle = event.handle
    try run("cuEventRecord") { $0.eventRecord(eventHandle, handle) }
  }

  /// Calls a C function on a thread of the driver when the work so far ran. The function must not call the driver.
  public func callHost(
    _ function: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void, _ argument: UnsafeMutableRawPointer?
  ) throws(CUDAError) {
    try run("cuLaunchHostFunc") { $0.launchHostFunction(handle, function, argument) }
  }

  /// Makes the context current, calls the driver and throws its error.
  func run(
    _ call: StaticString, _ detail: @autoclosure () -> String = "", _ body: (borrowing nt_cuda_driver) -> Int32
  ) throws(CUDAError) {
    try context.makeCurrent()
    try check(body(context.driver.functions), call, in: context.driver, detail())
  }
}
