/// What there is for running on a GPU, in sentences; `needletail doctor` prints them.
public enum CUDADiscovery {
  /// One finding: what was looked at, what was found, and what would help.
  public struct Finding: Sendable, Equatable {
    /// What was looked at.
    public let name: String
    /// What was found.
    public let value: String
    /// What to do, where something would help.
    public var advice: String?
    /// Whether the machine lacks something that running on its GPU needs; advice alone is a hint.
    public var isProblem = false

    init(_ name: String, _ value: String, advice: String? = nil, isProblem: Bool = false) {
      self.name = name
      self.value = value
      self.advice = advice
      self.isProblem = isProblem
    }
  }

  /// Looks at the libraries, the GPUs and the caches of kernels. It makes no context and never fails: a machine without
  /// a GPU has a finding that says so.
  public static func report(
    _ libraries: CUDALibraries = .shared, cache: CubinCache = CubinCache()
  ) -> [Finding] {
    let hasGPU = (try? libraries.driver.get()) != nil
    let major = libraries.driverVersion?.major
    func library<Library>(
      _ kind: LibraryKind, _ result: Result<Library, CUDAError>, isNeeded: Bool, _ text: (Library) -> String
    ) -> Finding {
      let notes = (libraries.passedOver[kind] ?? []).map { "passed over: \($0)" }
      switch result {
      case .success(let library):
        return Finding(
          kind.title, text(library), advice: notes.isEmpty ? nil : notes.joined(separator: "; "))
      case .failure(let error):
        let advice = hasGPU || kind == .nvrtc ? kind.installation(driverMajor: major) : nil
        return Finding(
          kind.title, error.description,
          advice: ([advice].compactMap(\.self) + notes).joined(separator: "; ").nonEmpty,
          isProblem: isNeeded && hasGPU)
      }
    }
    var findings = [driver(libraries)]
    if let driver = try? libraries.driver.get() { findings += devices(driver, try? libraries.nvml.get()) }
    findings.append(
      library(.nvrtc, libraries.nvrtc, isNeeded: !cache.hasBundledKernels) { nvrtc in
        "\(nvrtc.version), \(nvrtc.path)" + (nvrtc.builtinsPath == nil ? ", built-in headers not beside it" : "")
      })
    findings.append(library(.cublasLt, libraries.cublasLt, isNeeded: false) { "\($0.version), \($0.path)" })
    findings.append(library(.nvml, libraries.nvml, isNeeded: false) { "driver \($0.driverVersion), \($0.path)" })
    return findings + cache.findings()
  }

  private static func driver(_ libraries: CUDALibraries) -> Finding {
    let notes = libraries.passedOver[.driver] ?? []
    switch libraries.driver {
    case .success(let driver):
      return Finding("NVIDIA driver", "CUDA \(driver.version), \(driver.path)")
    case .failure(let error) where error.call.isEmpty:
      return Finding(
        "NVIDIA driver", "\(error.detail); models run on the CPU",
        advice: ([LibraryKind.driver.installation(driverMajor: nil)] + notes).joined(separator: "; "))
    case .failure(let error):
      return Finding(
        "NVIDIA driver", "\(error); models run on the CPU",
        advice: DriverAdvice.advice(
          code: error.code, hasDeviceFiles: SystemFiles.exists("/dev/nvidia0"),
          forbidden: DriverAdvice.forbiddenDeviceFiles()), isProblem: true)
    }
  }

  private static func devices(_ driver: CUDADriver, _ nvml: NVML?) -> [Finding] {
    do throws(CUDAError) {
      let count = try driver.deviceCount()
      if count == 0 {
        return [
          Finding(
            "GPU", "none that this process may use", advice: "CUDA_VISIBLE_DEVICES may hide them", isProblem: true)
        ]
      }
      return try (0..<count).map { ordinal throws(CUDAError) in
        let device = try DeviceProperties(driver, ordinal: ordinal)
        var text = device.summary
        if let sensors = try? nvml?.device(pciBusID: device.pciBusID) {
          if let memory = try? sensors.memory() { text += ", \(gibibytes(memory.used)) of memory in use" }
          if let watts = try? sensors.powerWatts() { text += ", \(Int(watts)) W" }
          if let degrees = try? sensors.temperature() { text += ", \(degrees) °C" }
        }
        let refusal = DeviceProperties.refusal(computeCapability: device.computeCapability)
        return Finding("GPU \(ordinal)", text, advice: refusal, isProblem: refusal != nil)
      }
    } catch {
      return [Finding("GPU", error.description, advice: "nvidia-smi should show the GPU", isProblem: true)]
    }
  }
}

extension String {
  /// The text; nil where it is empty.
  var nonEmpty: String? { isEmpty ? nil : self }
}

/// Bytes as "1.5 GiB".
func gibibytes(_ bytes: Int) -> String {
  let tenths = (bytes + (1 << 30) / 20) / ((1 << 30) / 10)
  return "\(tenths / 10).\(tenths % 10) GiB"
}
