import NeedletailCUDA

extension GPUCheck {
  /// Each error is one sentence that names what it is about, and the context works on after it.
  static let errors = [
    GPUCheck("error/absent kernel") { gpu in
      let kernels = try gpu.kernels()
      let error = try expectError(CUDAError.self, naming: "absent", "check/add.cu") {
        _ = try kernels.module.function("absent")
      }
      return "\(error)"
    },
    GPUCheck("error/bad cubin") { gpu in
      let error = try expectError(CUDAError.self, naming: "bad.cubin", "4096 bytes") {
        _ = try KernelModule(gpu.context, cubin: [UInt8](repeating: 7, count: 4096), name: "bad.cubin")
      }
      return "\(error)"
    },
    GPUCheck("error/out of memory") { gpu in
      let error = try expectError(CUDAError.self, naming: "4096.0 GiB", gpu.context.device.name) {
        _ = try DeviceBuffer(gpu.context, byteCount: 1 << 42)
      }
      try expect(error.isOutOfMemory && !error.isContextLost, "not taken for a lack of memory: \(error)")
      return "\(error)"
    },
    GPUCheck("error/bad launch") { gpu in
      let vectors = try Vectors(gpu)
      let add = try gpu.kernels().add
      let error = try expectError(CUDAError.self, naming: add.name, "4096") {
        try gpu.stream.launch(add, LaunchShape(grid: Extents(1), block: Extents(4096)), vectors.sum)
      }
      try expect(!error.isContextLost, "taken for a lost context: \(error)")
      try gpu.stream.launch(add, vectors.shape, vectors.sum)
      try vectors.expectSum()
      return "\(error)"
    },
    GPUCheck("error/no such GPU") { gpu in
      let driver = gpu.context.driver
      let error = try expectError(CUDAError.self, naming: "GPU 99") { _ = try Context(driver, ordinal: 99) }
      return "\(error)"
    },
    GPUCheck("error/bad source") { gpu in
      let compiler = KernelCompiler(try CUDALibraries.shared.nvrtc.get())
      let source = KernelSource(name: "bad.cu", text: "\n__global__ void f() { x; }")
      let error = try expectError(KernelCompileError.self, naming: "bad.cu, line 2", "__global__ void f() { x; }") {
        _ = try compiler.compile(source, architecture: gpu.context.device.architecture)
      }
      return "\(error)".split(separator: "\n").prefix(2).joined(separator: ": ")
    },
  ]

  /// The last of all: no call works on the GPU after it.
  static let lostContext = [
    GPUCheck("error/lost context") { gpu in
      let vectors = try Vectors(gpu, count: TestKernels.blockThreads)
      let fault = try gpu.kernels().fault
      let shape = LaunchShape(grid: Extents(1), block: Extents(1))
      let error = try expectError(CUDAError.self) {
        try gpu.stream.launch(fault, shape, vectors.sum)
        try gpu.stream.synchronize()
      }
      try expect(error.isContextLost, "not taken for a lost context: \(error)")
      let next = try expectError(CUDAError.self) { try gpu.stream.launch(fault, shape, vectors.sum) }
      try expect(next.isContextLost, "the call after it: \(next)")
      return "\(error)"
    }
  ]
}
