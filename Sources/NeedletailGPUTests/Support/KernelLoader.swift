import Dispatch
import NeedletailCUDA
import NeedletailKernels
import Synchronization

/// The product's kernels on the GPU by function: found beside the binary, in the user's cache, or compiled.
final class KernelLoader {
  /// Holds a module, which a table cannot.
  private final class Module: Sendable {
    let module: KernelModule
    init(_ module: consuming KernelModule) { self.module = module }
  }
  private struct Loaded: Sendable {
    var modules: [Module] = []
    var functions: [GPUFunction: KernelFunction] = [:]
    var errors: [GPUFunction: String] = [:]
  }

  private let context: Context
  private let cache = CubinCache()
  private var modules: [Module] = []
  private var functions: [GPUFunction: KernelFunction] = [:]
  private var errors: [GPUFunction: String] = [:]
  private var sharedBytes: [GPUFunction: Int] = [:]

  /// Whether machine code says which line it comes from.
  private let hasLines: Bool

  /// A loader for a context; `hasLines`: for tools that name lines of sources.
  init(_ context: Context, hasLines: Bool) {
    self.context = context
    self.hasLines = hasLines
  }

  /// Loads what launches need and is not loaded yet, on all cores. What fails is said when it is launched.
  func prepare(_ launches: [GPULaunch]) {
    let missing = Array(
      Set(launches.map(\.function)).filter { functions[$0] == nil && errors[$0] == nil })
    let loaded = Mutex(Loaded())
    let (context, cache, hasLines) = (context, cache, hasLines)
    DispatchQueue.concurrentPerform(iterations: missing.count) { index in
      let function = missing[index]
      do {
        let architecture = context.device.architecture
        var source = try CUDASources.source(for: function, architecture: architecture)
        if hasLines { source.options.append("--generate-line-info") }
        let kernel = try cache.kernel(source, architecture: architecture) { try CUDALibraries.shared.nvrtc.get() }
          .kernel
        let module = Module(try KernelModule(context, cubin: kernel.cubin, name: source.name))
        let found = try module.module.function(function.entry)
        loaded.withLock {
          $0.modules.append(module)
          $0.functions[function] = found
        }
      } catch {
        loaded.withLock { $0.errors[function] = "\(error)" }
      }
    }
    let result = loaded.withLock { $0 }
    modules += result.modules
    functions.merge(result.functions) { first, _ in first }
    errors.merge(result.errors) { first, _ in first }
  }

  /// The kernel of a launch, ready for what the launch asks for.
  func kernel(_ launch: GPULaunch) throws -> KernelFunction {
    if functions[launch.function] == nil, errors[launch.function] == nil { prepare([launch]) }
    guard let kernel = functions[launch.function] else {
      throw CheckFailure(description: errors[launch.function] ?? "\(launch.function) was not loaded")
    }
    if launch.sharedBytes > sharedBytes[launch.function, default: 0] {
      try kernel.allowSharedBytes(launch.sharedBytes)
      sharedBytes[launch.function] = launch.sharedBytes
    }
    if launch.cluster > 8 { try kernel.allowLargeClusters() }
    return kernel
  }
}
