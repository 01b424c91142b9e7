import CNeedletailCUDA

/// Work that was recorded from a stream and not run.
public struct CUDAGraph: ~Copyable, Sendable {
  /// The context it belongs to.
  public let context: Context
  let handle: UInt

  init(context: Context, handle: UInt) {
    self.context = context
    self.handle = handle
  }

  deinit { context.release { $0.graphDestroy(handle) } }

  /// Kernels, copies and fills in it.
  public func nodeCount() throws(CUDAError) -> Int {
    try context.makeCurrent()
    var count = 0
    try check(context.driver.functions.graphGetNodes(handle, nil, &count), "cuGraphGetNodes", in: context.driver)
    return count
  }
}

extension Stream {
  /// Records what `body` puts into the stream instead of running it. Other threads may call the driver meanwhile; what
  /// this thread may not do is wait for the GPU or allocate. Where `body` throws, the record is dropped.
  public func capture(_ body: () throws -> Void) throws -> CUDAGraph {
    // Mode 1: only this thread is kept from calls that a record must not meet.
    try run("cuStreamBeginCapture_v2") { $0.streamBeginCapture(handle, 1) }
    var graph: UInt = 0
    do {
      try body()
    } catch {
      if context.driver.functions.streamEndCapture(handle, &graph) == 0, graph != 0 {
        _ = context.driver.functions.graphDestroy(graph)
      }
      throw error
    }
    try run("cuStreamEndCapture", "the record was cut short by a call that may not be recorded") {
      $0.streamEndCapture(handle, &graph)
    }
    return CUDAGraph(context: context, handle: graph)
  }

  /// Puts all of a graph's work into the stream with one call.
  public func launch(_ graph: borrowing CUDAGraphExec) throws(CUDAError) {
    let graphHandle = graph.handle
    try run("cuGraphLaunch") { $0.graphLaunch(graphHandle, handle) }
  }
}

/// A graph in the form that is launched. Modules and buffers it names must live as long as it is launched.
public struct CUDAGraphExec: ~Copyable, Sendable {
  /// The context it belongs to.
  public let context: Context
  let handle: UInt

  /// Prepares a graph; the graph itself is not needed afterwards.
  public init(_ graph: borrowing CUDAGraph) throws(CUDAError) {
    let context = graph.context
    try context.makeCurrent()
    var handle: UInt = 0
    try check(
      context.driver.functions.graphInstantiate(&handle, graph.handle, 0), "cuGraphInstantiateWithFlags",
      in: context.driver)
    self.context = context
    self.handle = handle
  }

  deinit { context.release { $0.graphExecDestroy(handle) } }

  /// Takes over the arguments of a graph of the same shape, which costs less than preparing it anew. False where the
  /// shape differs: prepare it anew.
  public func update(_ graph: borrowing CUDAGraph) throws(CUDAError) -> Bool {
    try context.makeCurrent()
    var result = nt_cu_graph_update_result()
    let code = context.driver.functions.graphExecUpdate(handle, graph.handle, &result)
    if code == CUDAStatus.graphUpdateFailure { return false }
    try check(code, "cuGraphExecUpdate_v2", in: context.driver, "result \(result.result)")
    return true
  }

  /// Brings the graph to the GPU ahead, so that its first launch costs what the later ones do.
  public func upload(_ stream: borrowing Stream) throws(CUDAError) {
    let graphHandle = handle
    let streamHandle = stream.handle
    try stream.run("cuGraphUpload") { $0.graphUpload(graphHandle, streamHandle) }
  }
}
