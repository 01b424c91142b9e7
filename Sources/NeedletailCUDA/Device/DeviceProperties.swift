import CNeedletailCUDA

/// What a GPU is; read without a context.
public struct DeviceProperties: Sendable, Equatable {
  /// The GPU's place in the driver's order, which CUDA_VISIBLE_DEVICES may change.
  public let ordinal: Int
  /// Its name, as "NVIDIA H200".
  public let name: String
  /// Its PCI address, as "0000:1B:00.0".
  public let pciBusID: String
  /// Compute capability, as 90 for 9.0.
  public let computeCapability: Int
  /// Multiprocessors.
  public let multiprocessorCount: Int
  /// Bytes of memory.
  public let memoryBytes: Int
  /// Bytes of the second-level cache.
  public let l2Bytes: Int
  /// Bytes of shared memory that a block may have where the kernel opts in.
  public let sharedBytesPerBlock: Int
  /// Bytes of shared memory of a multiprocessor.
  public let sharedBytesPerMultiprocessor: Int
  /// The highest clock of the multiprocessors, in kilohertz.
  public let clockKilohertz: Int

  /// The oldest compute capability that kernels are written for.
  public static let oldestCapability = 80

  /// Throws a sentence where kernels are not written for the GPU.
  func requireSupported() throws(CUDAError) {
    if let reason = Self.refusal(computeCapability: computeCapability) { throw CUDAError("\(summary): \(reason)") }
  }

  /// Why no kernel runs on GPUs of a compute capability; nil where they do.
  static func refusal(computeCapability: Int) -> String? {
    guard computeCapability < oldestCapability else { return nil }
    return
      "this GPU is too old: compute capability \(oldestCapability / 10).\(oldestCapability % 10) (Ampere) or newer "
      + "is needed, and it has \(computeCapability / 10).\(computeCapability % 10)"
  }

  /// Reads a GPU's properties.
  public init(_ driver: CUDADriver, ordinal: Int) throws(CUDAError) {
    self.ordinal = ordinal
    var device: Int32 = 0
    try check(
      driver.functions.deviceGet(&device, Int32(clamping: ordinal)), "cuDeviceGet", in: driver, "GPU \(ordinal)")
    func attribute(_ number: Int32) throws(CUDAError) -> Int {
      var value: Int32 = 0
      try check(
        driver.functions.deviceGetAttribute(&value, number, device), "cuDeviceGetAttribute", in: driver,
        "attribute \(number) of GPU \(ordinal)")
      return Int(value)
    }
    var text = [CChar](repeating: 0, count: 256)
    try check(driver.functions.deviceGetName(&text, 256, device), "cuDeviceGetName", in: driver, "GPU \(ordinal)")
    name = string(text)
    try check(
      driver.functions.deviceGetPCIBusID(&text, 256, device), "cuDeviceGetPCIBusId", in: driver, "GPU \(ordinal)")
    pciBusID = string(text)
    var bytes = 0
    try check(driver.functions.deviceTotalMem(&bytes, device), "cuDeviceTotalMem_v2", in: driver, "GPU \(ordinal)")
    memoryBytes = bytes
    computeCapability = try attribute(75) * 10 + attribute(76)
    multiprocessorCount = try attribute(16)
    l2Bytes = try attribute(38)
    sharedBytesPerBlock = try attribute(97)
    sharedBytesPerMultiprocessor = try attribute(81)
    clockKilohertz = try attribute(13)
  }

  /// The architecture to compile for: with the instructions of this GPU alone ("sm_90a") from Hopper on.
  public var architecture: String { Self.architecture(computeCapability: computeCapability) }

  /// The architecture for a compute capability.
  public static func architecture(computeCapability: Int) -> String {
    "sm_\(computeCapability)" + (computeCapability >= 90 ? "a" : "")
  }

  /// One line: name, architecture, size.
  public var summary: String {
    "\(name), \(architecture), \(multiprocessorCount) multiprocessors, \(gibibytes(memoryBytes))"
  }
}
