import CNeedletailCUDA

/// A mark in a stream, to wait for or to measure from.
public struct Event: ~Copyable, Sendable {
  /// The context it belongs to.
  public let context: Context
  let handle: UInt

  /// An event. One that takes the time costs a little more when it is recorded.
  public init(_ context: Context, takesTime: Bool = false) throws(CUDAError) {
    try context.makeCurrent()
    var handle: UInt = 0
    try check(
      context.driver.functions.eventCreate(&handle, takesTime ? 0 : 2), "cuEventCreate", in: context.driver)
    self.context = context
    self.handle = handle
  }

  deinit { context.release { $0.eventDestroy(handle) } }

  /// Waits until the work before it ran.
  public func synchronize() throws(CUDAError) {
    try context.makeCurrent()
    try check(context.driver.functions.eventSynchronize(handle), "cuEventSynchronize", in: context.driver)
  }

  /// Whether the work before it ran.
  public func isReached() throws(CUDAError) -> Bool {
    try context.makeCurrent()
    let code = context.driver.functions.eventQuery(handle)
    if code == CUDAStatus.notReady { return false }
    try check(code, "cuEventQuery", in: context.driver)
    return true
  }

  /// Seconds from an earlier event to this one; both take the time and were reached.
  public func seconds(since start: borrowing Event) throws(CUDAError) -> Double {
    try context.makeCurrent()
    var milliseconds: Float = 0
    try check(
      context.driver.functions.eventElapsedTime(&milliseconds, start.handle, handle), "cuEventElapsedTime",
      in: context.driver)
    return Double(milliseconds) / 1000
  }
}
