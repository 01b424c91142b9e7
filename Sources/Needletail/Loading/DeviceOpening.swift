import NeedletailCPU
import NeedletailCUDA
import NeedletailKernels

extension LoadOptions {
  /// Opens the device that was chosen; for `auto` a GPU if one can be used, else the CPU.
  /// - Throws: one sentence where the chosen device cannot be used.
  ///
  /// Where `model` is an engine, `auto` is the device it was built for, and its own kernels are used first.
  public func openDevice(for model: String? = nil) throws -> any Device {
    let archive = model.flatMap { EngineArchive.isArchive($0) ? $0 : nil }
    let kernels = archive.flatMap(EngineArchive.kernelsPath)
    var choice = device
    if archive != nil, choice == .auto { choice = kernels == nil ? .cpu : .cuda }
    switch choice {
    case .cpu: return try openCPU()
    case .cuda:
      do { return try openGPU(kernels: kernels) } catch let error as CUDAError {
        throw LoadError("the GPU cannot be used: \(error); needletail doctor says what is missing")
      }
    case .auto:
      do { return try openGPU() } catch let error as CUDAError {
        // A machine without a driver has no GPU to be missed; one that has a driver was meant to use it.
        if !CUDALibraries.shared.isDriverAbsent {
          notice?("the GPU cannot be used, so the model runs on the CPU: \(error); needletail doctor says more")
        }
        return try openCPU()
      }
    }
  }

  private func openCPU() throws -> any Device {
    if isDeterministic == false {
      notice?("the CPU device is always deterministic")
    }
    return try CPUDevice(threads: threads, instructionSet: instructionSet)
  }

  private func openGPU(kernels: String? = nil) throws -> any Device {
    var options = CUDADevice.Options()
    options.isDeterministic = isDeterministic ?? false
    options.allowsLibraries = allowsLibraries
    options.makesGraphsAhead = makesGraphsAhead
    options.timesSteps = timesSteps
    let notice = notice
    let cache = CubinCache(bundledFolder: kernels ?? CubinCache.defaultBundledFolder) { notice?($0) }
    let device = try CUDADevice(options, cache: cache)
    // A GPU whose memory is used up, or that another process has for itself, shows that only now.
    _ = try device.context()
    return device
  }
}
