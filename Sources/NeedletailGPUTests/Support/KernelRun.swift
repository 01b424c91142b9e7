import CNeedletailCUDA
import NeedletailCUDA
import NeedletailGraph
import NeedletailKernels
import NeedletailTesting

/// How a problem runs on a GPU: launches over one argument struct.
struct KernelPlan: Sendable {
  /// The launches, in order.
  var launches: [GPULaunch]
  /// What grids are computed from.
  var counts: StepCounts
  /// Bytes of memory that the arguments name and that is no operand: "partials".
  var scratch: [String: Int] = [:]
  /// Blocks of the cache, for tensor maps that count them.
  var cacheBlocks = 0
}

/// The place of an operand in a launch's tensor maps, which are resolved by name.
func operand(_ name: String) -> BufferReference { BufferReference(.input(name)) }

extension GPU {
  /// Launches a plan's kernels over the operands in memory.
  func run<Case: KernelCase>(_ problem: Case, _ plan: KernelPlan, _ memory: KernelMemory) throws {
    var arguments = problem.arguments { name in
      memory.address(name).flatMap { UnsafeMutableRawPointer(bitPattern: UInt($0)) }
    }
    for launch in plan.launches where launch.runs(in: plan.counts) {
      let kernel = try loader.kernel(launch)
      let grid = (0..<3).map { $0 < launch.grid.count ? launch.grid[$0].value(in: plan.counts) : 1 }
      guard grid.allSatisfy({ $0 > 0 }) else { continue }
      let shape = LaunchShape(
        grid: Extents(grid[0], grid[1], grid[2]), block: Extents(launch.threads), sharedBytes: launch.sharedBytes,
        cluster: launch.cluster > 1 ? Extents(launch.cluster) : nil, startsEarly: launch.startsEarly && isHopper)
      var maps = try launch.tensorMaps.map { try encode($0, memory) }
      try withUnsafeMutablePointer(to: &arguments) { arguments in
        try maps.withUnsafeMutableBufferPointer { maps in
          var parameters: [UnsafeMutableRawPointer?] = [UnsafeMutableRawPointer(arguments)]
          for index in maps.indices { parameters.append(maps.baseAddress.map { UnsafeMutableRawPointer($0 + index) }) }
          try parameters.withUnsafeMutableBufferPointer { try stream.launch(kernel, shape, parameters: $0) }
        }
      }
    }
  }

  private func encode(_ map: TensorMapPlan, _ memory: KernelMemory) throws -> nt_cu_tensor_map {
    guard case .input(let name) = map.base.buffer, let address = memory.address(name) else {
      throw CheckFailure(description: "a tensor map of \(map.base), which is no operand")
    }
    return try map.encoded(
      context.driver, address: address + UInt64(map.base.offset), blockCount: memory.cacheBlocks)
  }
}

/// How near results came to their bounds.
struct Nearness {
  /// The largest error of an array over its bound.
  var share = 0.0
  /// That error and bound.
  var error = 0.0, bound = 0.0

  mutating func add(_ comparison: Comparison, _ bounds: Comparison.Bounds) {
    for (error, bound) in [(comparison.relativeError, bounds.relativeError), (comparison.worst, bounds.worst)] {
      let share = error == 0 ? 0 : error / bound
      if share > self.share { (self.share, self.error, self.bound) = (share, error, bound) }
    }
  }
}
