import NeedletailCUDA

extension GPUCheck {
  static let compile = [
    GPUCheck("compile/architectures") { gpu in
      let nvrtc = try CUDALibraries.shared.nvrtc.get()
      let supported = try nvrtc.supportedArchitectures()
      var architectures = [gpu.context.device.architecture]
      for (capability, name) in [(80, "sm_80"), (90, "sm_90a"), (100, "sm_100a")]
      where supported.contains(capability) && !architectures.contains(name) {
        architectures.append(name)
      }
      let sizes = try architectures.map { architecture in
        let start = seconds()
        let kernel = try KernelCompiler(nvrtc).compile(TestKernels.source, architecture: architecture)
        try expect(kernel.cubin.starts(with: [0x7f] + Array("ELF".utf8)), "\(architecture): not an ELF file")
        try expect(
          kernel.loweredNames[TestKernels.addExpression] != nil, "\(architecture): names \(kernel.loweredNames)")
        return "\(architecture) \(kernel.cubin.count) bytes in \(time(seconds() - start))"
      }
      return sizes.joined(separator: ", ")
    },
    GPUCheck("compile/cache") { gpu in
      let folder = try TemporaryFolder()
      let cache = CubinCache(folder: folder.path, bundledFolder: nil)
      let architecture = gpu.context.device.architecture
      let start = seconds()
      let first = try cache.kernel(TestKernels.source, architecture: architecture) {
        try CUDALibraries.shared.nvrtc.get()
      }
      let middle = seconds()
      let second = try cache.kernel(TestKernels.source, architecture: architecture) {
        try CUDALibraries.shared.nvrtc.get()
      }
      let end = seconds()
      try expect(first.origin == .compiled, "an empty cache gave a kernel: \(first.origin)")
      try expect(second.origin == .cached, "the second time: \(second.origin)")
      try expect(second.kernel == first.kernel, "the cached kernel is another one")
      try expect(folder.names().count == 1, "files in the cache: \(folder.names())")

      // The cached file must load and run as the compiled one does.
      let kernels = try TestKernels(gpu.context, second.kernel)
      let vectors = try Vectors(gpu, count: 1 << 12)
      try gpu.stream.launch(kernels.add, vectors.shape, vectors.sum)
      try vectors.expectSum()
      return "compiled in \(time(middle - start)), cached in \(time(end - middle)), "
        + "\(kernels.add.registerCount) registers, \(kernels.add.localBytes) local bytes"
    },
  ]
}
