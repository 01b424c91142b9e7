import NeedletailCPU
import NeedletailCUDA
import NeedletailKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What the operating system says about this machine.
struct MachineDescription {
  /// The processor's name.
  let processor: String
  /// Cores that this process may use.
  let cores: Int
  /// Bytes of memory.
  let memoryBytes: Int
  /// Sizes of the caches by their names: ("L3", "32 MiB").
  let caches: [(name: String, size: String)]
  /// How transparent huge pages are given: "always", "madvise" or "never"; nil where the system does not say.
  let hugePages: String?

  /// One line for results: "AMD EPYC, 2 cores, 16.0 GiB".
  var summary: String { "\(processor), \(cores) core\(cores == 1 ? "" : "s"), \(Show.bytes(memoryBytes))" }

  /// The same, with the device ahead where it is none of the machine's processors.
  func summary(with device: any Device) -> String {
    guard let gpu = device as? CUDADevice else { return summary }
    let driver = (try? gpu.libraries.nvml.get())?.driverVersion
    return "\(gpu.properties.summary)\(driver.map { ", driver \($0)" } ?? ""); \(summary)"
  }

  static func current() -> MachineDescription {
    let system = "/sys/devices/system/cpu/cpu0/cache"
    var caches: [(name: String, size: String)] = []
    for index in 0..<8 {
      guard let level = line("\(system)/index\(index)/level"), let size = line("\(system)/index\(index)/size") else {
        break
      }
      let type = line("\(system)/index\(index)/type") ?? ""
      guard type != "Instruction" else { continue }
      let kibibytes = size.hasSuffix("K") ? Int(size.dropLast()) : nil
      caches.append(("L\(level)", kibibytes.map { Show.bytes($0 * 1024) } ?? size))
    }
    let pages = line("/sys/kernel/mm/transparent_hugepage/enabled")
    let chosen = pages?.split(separator: " ").first { $0.hasPrefix("[") }.map { String($0.dropFirst().dropLast()) }
    return MachineDescription(
      processor: processorName() ?? "unknown processor", cores: CPUDevice.coreCount,
      memoryBytes: sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)), caches: caches, hugePages: chosen)
  }

  private static func processorName() -> String? {
    guard let bytes = try? Files.bytes("/proc/cpuinfo", limit: 1 << 24) else { return nil }
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0].hasPrefix("model name") || parts[0].hasPrefix("Model") else { continue }
      return parts[1].split(separator: " ").joined(separator: " ")
    }
    return nil
  }

  /// The first line of a small file.
  private static func line(_ path: String) -> String? {
    guard let bytes = try? Files.bytes(path, limit: 1 << 22) else { return nil }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map(String.init)
  }
}
