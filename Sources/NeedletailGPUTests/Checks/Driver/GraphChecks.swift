import NeedletailCUDA

/// Graphs of kernels that each work on the output of the one before.
private struct GraphCase {
  static let kernelCount = 100
  let gpu: GPU
  let vectors: Vectors
  let startsEarly: Bool

  init(_ gpu: GPU, startsEarly: Bool = false) throws {
    self.gpu = gpu
    self.startsEarly = startsEarly
    vectors = try Vectors(gpu)
  }

  /// One launch on all elements, and `kernelCount` - 1 on the first block of them.
  func capture() throws -> CUDAGraph {
    let add = try gpu.kernels().add
    var shape = vectors.shape
    shape.startsEarly = startsEarly
    var one = shape
    one.grid = Extents(1)
    return try gpu.stream.capture {
      try gpu.stream.launch(add, shape, vectors.sum)
      let small = vectors.accumulation(count: TestKernels.blockThreads)
      for _ in 1..<Self.kernelCount { try gpu.stream.launch(add, one, small) }
    }
  }

  func expectOutput() throws {
    try vectors.expectOutput { i, a, b in
      i < TestKernels.blockThreads ? repeatedSum(a + b, b, times: Self.kernelCount - 1) : a + b
    }
  }

  /// Records, launches, compares, and returns what a replay takes.
  func replay() throws -> String {
    let graph = try capture()
    let nodes = try graph.nodeCount()
    try expect(nodes == Self.kernelCount, "\(nodes) nodes, recorded \(Self.kernelCount)")
    let start = seconds()
    let executable = try CUDAGraphExec(graph)
    try executable.upload(gpu.stream)
    let preparation = seconds() - start
    try gpu.stream.launch(executable)
    try expectOutput()

    let from = try Event(gpu.context, takesTime: true)
    let to = try Event(gpu.context, takesTime: true)
    let replays = 100
    for _ in 0..<20 { try gpu.stream.launch(executable) }
    try gpu.stream.synchronize()
    try vectors.poison()
    let before = seconds()
    try gpu.stream.record(from)
    for _ in 0..<replays { try gpu.stream.launch(executable) }
    let host = (seconds() - before) / Double(replays)
    try gpu.stream.record(to)
    try to.synchronize()
    let each = try to.seconds(since: from) / Double(replays)
    try expectOutput()
    return "\(time(each)) for \(nodes) kernels, \(time(host)) of the host, prepared in \(time(preparation))"
  }
}

/// What ends a record in the check of dropped ones.
private struct Stop: Error {}

extension GPUCheck {
  static let graphs = [
    GPUCheck("graph/replay") { gpu in try GraphCase(gpu).replay() },
    GPUCheck("graph/replay, early start") { gpu in
      try gpu.needsHopper("an early start")
      return try GraphCase(gpu, startsEarly: true).replay()
    },
    GPUCheck("graph/update") { gpu in
      let (old, new) = (try GraphCase(gpu), try GraphCase(gpu))
      let executable = try CUDAGraphExec(old.capture())
      let start = seconds()
      try expect(executable.update(new.capture()), "a graph of the same shape was refused")
      let duration = seconds() - start
      try gpu.stream.launch(executable)
      try new.expectOutput()
      let add = try gpu.kernels().add
      let other = try gpu.stream.capture { try gpu.stream.launch(add, old.vectors.shape, old.vectors.sum) }
      try expect(!executable.update(other), "a graph of another shape was taken")
      return "recorded and updated in \(time(duration)); another shape is refused"
    },
    GPUCheck("graph/dropped capture") { gpu in
      let vectors = try Vectors(gpu)
      let add = try gpu.kernels().add
      try gpu.stream.launch(add, vectors.shape, vectors.sum)
      _ = try expectError(Stop.self) {
        _ = try gpu.stream.capture {
          try gpu.stream.launch(add, vectors.shape, vectors.accumulation())
          throw Stop()
        }
      }
      // Had the recorded launch come through, b would be added once more.
      try gpu.stream.launch(add, vectors.shape, vectors.accumulation())
      try vectors.expectOutput { _, a, b in (a + b) + b }
      return "what was recorded did not run; the stream goes on"
    },
  ]
}
