import NeedletailKernels

/// A GPU that is not there: models are compiled for it, to see what it would run, and never loaded.
///
///     let compiled = try CompiledModel(package, on: PlannedGPU(.named("h200")!, options), options: options)
public final class PlannedGPU: Device {
  /// The GPU.
  public let gpu: KnownGPU
  /// What plans for it are compiled with.
  public let catalog: any KernelCatalog

  /// A GPU with a model's options.
  public init(_ gpu: KnownGPU, _ options: LoadOptions) {
    self.gpu = gpu
    catalog = CUDACatalog(
      gpu: gpu.traits, isDeterministic: options.isDeterministic ?? false, allowsLibraries: options.allowsLibraries)
  }

  /// "NVIDIA H200, sm_90a (planned for, not opened)"
  public var summary: String { "\(gpu.name), \(gpu.traits.architecture) (planned for, not opened)" }

  /// All of its memory is free.
  public func memory() throws -> DeviceMemory? {
    DeviceMemory(totalBytes: gpu.memoryBytes, freeBytes: gpu.memoryBytes)
  }

  /// Always throws: there is no GPU.
  public func load(
    _ plan: Plan, weights: any WeightSource, blockCount: Int, progress: (@Sendable (Double) -> Void)?
  ) throws -> any LoadedPlan { throw refusal }

  /// Always throws: there is no GPU.
  public func load(
    _ plan: Plan, prepared: any PreparedWeights, blockCount: Int, progress: (@Sendable (Double) -> Void)?
  ) throws -> any LoadedPlan { throw refusal }

  private var refusal: LoadError { LoadError("a model was only planned for the \(gpu.name); there is none to run it") }
}
