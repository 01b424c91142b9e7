import Dispatch
import NeedletailKernels
import Synchronization

/// The machine code of a plan on the GPU.
final class LoadedModules: Sendable {
  /// Holds a module, which a table cannot.
  private final class Module: Sendable {
    let module: KernelModule
    init(_ context: Context, _ kernel: CompiledKernel, _ source: KernelSource) throws(CUDAError) {
      module = try KernelModule(context, cubin: kernel.cubin, name: source.name)
    }
  }
  /// What a function needs of the GPU in any of its launches.
  private struct Need {
    var sharedBytes = 0
    var cluster = 1
  }
  /// A file of machine code.
  private struct Unit: Hashable {
    var source: String
    var defines: [GPUFunction.Define]
  }

  private let modules: [Module]
  private let functions: [GPUFunction: KernelFunction]
  /// Files of machine code by where they came from.
  let origins: [CubinCache.Origin: Int]

  /// Finds or compiles all that the launches need and loads it, on several threads.
  /// - Parameter isWanted: Asked ahead of each file; where it says no, the rest is left out and an error thrown.
  init(
    _ launches: [GPULaunch], context: Context, cache: CubinCache, libraries: CUDALibraries,
    isWanted: @Sendable () -> Bool = { true }
  ) throws {
    var needs: [GPUFunction: Need] = [:]
    for launch in launches {
      needs[launch.function, default: Need()].sharedBytes = max(
        needs[launch.function]?.sharedBytes ?? 0, launch.sharedBytes)
      needs[launch.function, default: Need()].cluster = max(needs[launch.function]?.cluster ?? 1, launch.cluster)
    }
    var units: [Unit: [GPUFunction]] = [:]
    for function in needs.keys {
      units[Unit(source: function.source, defines: function.defines), default: []].append(function)
    }
    let work = Array(units.values)
    let needed = needs
    struct Done {
      var modules: [Module] = []
      var functions: [GPUFunction: KernelFunction] = [:]
      var origins: [CubinCache.Origin: Int] = [:]
      var error: (any Error)?
    }
    let done = Mutex(Done())
    DispatchQueue.concurrentPerform(iterations: work.count) { index in
      guard done.withLock({ $0.error == nil }), let first = work[index].first else { return }
      do {
        let architecture = context.device.architecture
        let source = try CUDASources.source(for: first, architecture: architecture)
        guard isWanted() else { throw CUDAError("loading was given up") }
        let (module, origin) = try Self.module(source, context, cache, libraries)
        var found: [GPUFunction: KernelFunction] = [:]
        for function in work[index] {
          let loaded = try module.module.function(function.entry)
          let need = needed[function] ?? Need()
          if need.sharedBytes + loaded.staticSharedBytes > 48 << 10 { try loaded.allowSharedBytes(need.sharedBytes) }
          if need.cluster > 8 { try loaded.allowLargeClusters() }
          found[function] = loaded
        }
        done.withLock {
          $0.modules.append(module)
          $0.functions.merge(found) { first, _ in first }
          $0.origins[origin, default: 0] += 1
        }
      } catch {
        done.withLock { if $0.error == nil { $0.error = error } }
      }
    }
    let result = done.withLock { $0 }
    if let error = result.error { throw error }
    (modules, functions, origins) = (result.modules, result.functions, result.origins)
  }

  /// A file's machine code on the GPU; what was kept and the driver does not take is compiled again.
  private static func module(
    _ source: KernelSource, _ context: Context, _ cache: CubinCache, _ libraries: CUDALibraries
  ) throws -> (Module, CubinCache.Origin) {
    let architecture = context.device.architecture
    let (kernel, origin) = try cache.kernel(source, architecture: architecture) { try libraries.nvrtc.get() }
    do throws(CUDAError) {
      return (try Module(context, kernel, source), origin)
    } catch {
      guard error.isRefusedImage, origin != .compiled else { throw error }
      let again = try cache.kernelAgain(source, architecture: architecture, because: error) {
        try libraries.nvrtc.get()
      }
      return (try Module(context, again, source), .compiled)
    }
  }

  /// A function that was asked for when the modules were loaded.
  func function(_ function: GPUFunction) throws(CUDAError) -> KernelFunction {
    guard let found = functions[function] else {
      throw CUDAError("\(function.entry) of \(function.source) was not loaded")
    }
    return found
  }
}
