import NeedletailCUDA

/// The first GPU, a stream on it, and the kernels of the checks, which are compiled when first asked for.
final class GPU {
  let context: Context
  let stream: Stream
  private var made: TestKernels?

  init() throws {
    context = try Context(CUDALibraries.shared.driver.get())
    stream = try Stream(context)
  }

  /// The kernels of the checks, loaded.
  func kernels() throws -> TestKernels {
    if let made { return made }
    let compiler = KernelCompiler(try CUDALibraries.shared.nvrtc.get())
    let kernels = try TestKernels(
      context, compiler.compile(TestKernels.source, architecture: context.device.architecture))
    made = kernels
    return kernels
  }

  /// Skips the check on a GPU that is older than Hopper.
  func needsHopper(_ what: String) throws {
    guard context.device.computeCapability >= 90 else {
      throw CheckSkipped(description: "\(what) needs compute capability 9.0; this is \(context.device.summary)")
    }
  }
}
