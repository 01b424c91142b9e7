import CNeedletailCUDA

/// NVML, opened and initialized: power, energy, temperature and load of GPUs. It needs no context.
public final class NVML: Sendable, StatusNaming {
  let functions: nt_nvml
  /// The file it came from.
  public let path: String
  /// The driver's version, as "580.159.04".
  public let driverVersion: String

  init(_ library: OpenedLibrary) throws(CUDAError) {
    functions = try load(library, "driver is too old", nt_nvml_load)
    path = library.path
    let code = functions.`init`()
    var text = [CChar](repeating: 0, count: 96)
    let hasVersion = code == 0 && functions.getDriverVersion(&text, UInt32(text.count)) == 0
    driverVersion = hasVersion ? string(text) : "unknown"
    try check(code, "nvmlInit_v2", in: self, path)
  }

  func name(ofStatus code: Int32) -> String {
    functions.errorString(code).map { String(cString: $0) } ?? "an unknown code"
  }

  /// The GPU with a PCI address as the driver writes it, "0000:1B:00.0": the order of the GPUs differs from CUDA's.
  public func device(pciBusID: String) throws(CUDAError) -> NVMLDevice {
    var handle: UInt = 0
    try check(
      functions.getDeviceByPCIBusID(pciBusID, &handle), "nvmlDeviceGetHandleByPciBusId_v2", in: self, pciBusID)
    return NVMLDevice(library: self, handle: handle)
  }
}

/// A GPU as NVML sees it. Each value is read anew; a GPU may lack some, which is an error of that call.
public struct NVMLDevice: Sendable {
  let library: NVML
  let handle: UInt

  /// Watts the board draws now, averaged by the driver over the last second or less.
  public func powerWatts() throws(CUDAError) -> Double {
    var value: UInt32 = 0
    try check(library.functions.getPowerMilliwatts(handle, &value), "nvmlDeviceGetPowerUsage", in: library)
    return Double(value) / 1000
  }

  /// Joules since the driver was loaded; the difference of two readings is what the work between them took.
  public func energyJoules() throws(CUDAError) -> Double {
    var value: UInt64 = 0
    try check(
      library.functions.getEnergyMillijoules(handle, &value), "nvmlDeviceGetTotalEnergyConsumption", in: library)
    return Double(value) / 1000
  }

  /// Bytes of memory: all, free, and used by any process.
  public func memory() throws(CUDAError) -> (total: Int, free: Int, used: Int) {
    var value = nt_nvml_memory()
    try check(library.functions.getMemory(handle, &value), "nvmlDeviceGetMemoryInfo", in: library)
    return (Int(value.total), Int(value.free), Int(value.used))
  }

  /// Degrees Celsius of the chip.
  public func temperature() throws(CUDAError) -> Int {
    var value: UInt32 = 0
    try check(library.functions.getTemperature(handle, 0, &value), "nvmlDeviceGetTemperature", in: library)
    return Int(value)
  }

  /// Percent of the last sample period in which a kernel ran, and in which memory was read or written.
  public func utilization() throws(CUDAError) -> (gpu: Int, memory: Int) {
    var value = nt_nvml_utilization()
    try check(library.functions.getUtilization(handle, &value), "nvmlDeviceGetUtilizationRates", in: library)
    return (Int(value.gpu), Int(value.memory))
  }

  /// Megahertz of the multiprocessors (1) or the memory (2) now.
  func clock(_ kind: Int32) throws(CUDAError) -> Int {
    var value: UInt32 = 0
    try check(library.functions.getClock(handle, kind, &value), "nvmlDeviceGetClockInfo", in: library)
    return Int(value)
  }

  /// Megahertz of the multiprocessors now.
  public func multiprocessorMegahertz() throws(CUDAError) -> Int { try clock(1) }
}

/// The text in a buffer that C filled.
func string(_ buffer: [CChar]) -> String {
  String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}
