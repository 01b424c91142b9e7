import NeedletailCUDA
import NeedletailKernels

/// The first GPU, a stream on it, and the kernels of the checks, which are compiled when first asked for.
final class GPU {
  let context: Context
  let stream: Stream
  /// The product's kernels.
  let loader: KernelLoader
  /// Every operand in an allocation of its own, and small problems only: for compute-sanitizer.
  let separatesOperands: Bool
  private var made: TestKernels?
  private var madeMemory: KernelMemory?

  init(separatesOperands: Bool = false) throws {
    context = try Context(CUDALibraries.shared.driver.get())
    stream = try Stream(context)
    loader = KernelLoader(context, hasLines: separatesOperands)
    self.separatesOperands = separatesOperands
  }

  /// What kernels' configurations are chosen by.
  var traits: GPUTraits {
    let device = context.device
    return GPUTraits(
      architecture: device.architecture, multiprocessors: device.multiprocessorCount,
      sharedBytesPerBlock: device.sharedBytesPerBlock, l2Bytes: device.l2Bytes)
  }

  /// Whether launches may start early.
  var isHopper: Bool { context.device.computeCapability >= 90 }

  /// Whether no call works on the GPU any more.
  var isLost: Bool {
    do {
      try stream.synchronize()
      return false
    } catch {
      return error.isContextLost
    }
  }

  /// Memory for the operands of kernels.
  func memory() throws -> KernelMemory {
    if let madeMemory { return madeMemory }
    let memory = try KernelMemory(self)
    madeMemory = memory
    return memory
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
