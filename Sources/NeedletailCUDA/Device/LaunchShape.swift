import CNeedletailCUDA

/// Three extents, x the fastest.
public struct Extents: Sendable, Hashable, CustomStringConvertible {
  /// Along x.
  public var x: UInt32
  /// Along y.
  public var y: UInt32
  /// Along z.
  public var z: UInt32

  /// Extents; those not given are 1.
  public init(_ x: Int, _ y: Int = 1, _ z: Int = 1) {
    (self.x, self.y, self.z) = (UInt32(x), UInt32(y), UInt32(z))
  }

  /// "3 x 1 x 1".
  public var description: String { "\(x) x \(y) x \(z)" }
}

/// How a kernel is launched.
public struct LaunchShape: Sendable, Hashable, CustomStringConvertible {
  /// Blocks.
  public var grid: Extents
  /// Threads of a block.
  public var block: Extents
  /// Bytes of shared memory beside the kernel's own.
  public var sharedBytes = 0
  /// Blocks that start together and see each other's shared memory; nil for none.
  public var cluster: Extents?
  /// Programmatic dependent launch: the kernel may start before the one ahead of it in the stream has ended, and waits
  /// itself (`griddepcontrol.wait`) before it touches what that one writes.
  public var startsEarly = false
  /// All blocks are resident at once, so that they may wait for each other; the launch fails where they do not fit.
  public var isCooperative = false

  /// A launch of a grid of blocks.
  public init(
    grid: Extents, block: Extents, sharedBytes: Int = 0, cluster: Extents? = nil, startsEarly: Bool = false,
    isCooperative: Bool = false
  ) {
    self.grid = grid
    self.block = block
    self.sharedBytes = sharedBytes
    self.cluster = cluster
    self.startsEarly = startsEarly
    self.isCooperative = isCooperative
  }

  /// "grid 3 x 1 x 1, block 512 x 1 x 1", with what else is asked for.
  public var description: String {
    var text = "grid \(grid), block \(block)"
    if sharedBytes > 0 { text += ", \(sharedBytes) bytes shared" }
    if let cluster { text += ", cluster \(cluster)" }
    if startsEarly { text += ", early start" }
    if isCooperative { text += ", cooperative" }
    return text
  }
}

extension Stream {
  /// Launches a kernel that takes one struct by value; the struct is copied before the call returns.
  public func launch<Arguments: BitwiseCopyable>(
    _ function: KernelFunction, _ shape: LaunchShape, _ arguments: Arguments
  ) throws(CUDAError) {
    var arguments = arguments
    let code = withUnsafeMutablePointer(to: &arguments) { pointer in
      withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: 1) { parameters in
        parameters.initialize(repeating: UnsafeMutableRawPointer(pointer))
        return launchCode(function, shape, parameters)
      }
    }
    try check(code, "cuLaunchKernelEx", in: context.driver, "\(function.name), \(shape)")
  }

  /// Launches a kernel with one pointer to each parameter's value; the values are copied before the call returns.
  public func launch(
    _ function: KernelFunction, _ shape: LaunchShape,
    parameters: UnsafeMutableBufferPointer<UnsafeMutableRawPointer?>
  ) throws(CUDAError) {
    let code = launchCode(function, shape, parameters)
    try check(code, "cuLaunchKernelEx", in: context.driver, "\(function.name), \(shape)")
  }

  private func launchCode(
    _ function: KernelFunction, _ shape: LaunchShape,
    _ parameters: UnsafeMutableBufferPointer<UnsafeMutableRawPointer?>
  ) -> Int32 {
    let functions = context.driver
    let current = functions.functions.contextSetCurrent(context.handle)
    if current != 0 { return current }
    return withUnsafeTemporaryAllocation(of: nt_cu_launch_attribute.self, capacity: 3) { attributes in
      var count = 0
      func add(_ id: Int, _ value: (inout nt_cu_launch_attribute) -> Void) {
        var attribute = nt_cu_launch_attribute()
        attribute.id = UInt32(id)
        value(&attribute)
        attributes.initializeElement(at: count, to: attribute)
        count += 1
      }
      if let cluster = shape.cluster {
        add(NT_CU_LAUNCH_CLUSTER_DIMENSION) { $0.value.cluster = .init(x: cluster.x, y: cluster.y, z: cluster.z) }
      }
      if shape.startsEarly { add(NT_CU_LAUNCH_PROGRAMMATIC_STREAM_SERIALIZATION) { $0.value.flag = 1 } }
      if shape.isCooperative { add(NT_CU_LAUNCH_COOPERATIVE) { $0.value.flag = 1 } }
      var config = nt_cu_launch_config(
        grid_x: shape.grid.x, grid_y: shape.grid.y, grid_z: shape.grid.z, block_x: shape.block.x,
        block_y: shape.block.y, block_z: shape.block.z, shared_bytes: UInt32(shape.sharedBytes), stream: handle,
        attributes: attributes.baseAddress, attribute_count: UInt32(count))
      return functions.functions.launchKernelEx(&config, function.handle, parameters.baseAddress, nil)
    }
  }
}
