import NeedletailCUDA

extension GPUCheck {
  static let launches = [
    GPUCheck("launch/plain") { gpu in
      let vectors = try Vectors(gpu)
      try gpu.stream.launch(gpu.kernels().add, vectors.shape, vectors.sum)
      try vectors.expectSum()
      return "\(vectors.count) elements"
    },
    GPUCheck("launch/early start") { gpu in
      try gpu.needsHopper("an early start")
      let vectors = try Vectors(gpu)
      let add = try gpu.kernels().add
      var shape = vectors.shape
      shape.startsEarly = true
      try gpu.stream.launch(add, shape, vectors.sum)
      for _ in 0..<10 { try gpu.stream.launch(add, shape, vectors.accumulation()) }
      try vectors.expectOutput { _, a, b in repeatedSum(a + b, b, times: 10) }
      return "11 launches, each on the output of the one before"
    },
    GPUCheck("launch/cluster") { gpu in
      try gpu.needsHopper("a cluster")
      let vectors = try Vectors(gpu)
      var shape = vectors.shape
      shape.cluster = Extents(2)
      try gpu.stream.launch(gpu.kernels().clusterRank, shape, vectors.sum)
      try vectors.expectOutput { i, _, _ in Float(i / TestKernels.blockThreads % 2) }
      try vectors.poison()
      shape.startsEarly = true
      try gpu.stream.launch(gpu.kernels().add, shape, vectors.sum)
      try vectors.expectSum()
      return "clusters of 2 blocks, also with an early start"
    },
  ]
}
