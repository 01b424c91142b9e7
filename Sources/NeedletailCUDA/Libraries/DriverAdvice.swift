#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What a driver's refusal to start means.
enum DriverAdvice {
  /// What is said with the failed call: the library's file, and device files that this user may not open, which the
  /// driver reports as "no device".
  static func sentence(path: String) -> String {
    let forbidden = forbiddenDeviceFiles()
    return forbidden.isEmpty ? path : "\(path); this user may not open \(forbidden.joined(separator: ", "))"
  }

  /// What is said with a GPU that gives no context: which one, and what a code of the call means.
  static func refusal(of device: String, code: Int32) -> String {
    switch code {
    case CUDAStatus.outOfMemory:
      "\(device); its memory is used up by other processes, which nvidia-smi names"
    case 46: "\(device); \(advice(code: code, hasDeviceFiles: true, forbidden: []))"
    default: device
    }
  }

  /// Device files of the driver that are there and that this process may not open.
  static func forbiddenDeviceFiles(in folder: String = "/dev") -> [String] {
    SystemFiles.names(in: folder).filter { name in
      name == "nvidiactl" || name == "nvidia-uvm"
        || name.hasPrefix("nvidia") && name.dropFirst(6).allSatisfy(\.isNumber)
    }
    .map { "\(folder)/\($0)" }
    .filter { access($0, R_OK | W_OK) != 0 && errno == EACCES }
  }

  /// What to do about a code of cuInit.
  static func advice(code: Int32, hasDeviceFiles: Bool, forbidden: [String]) -> String {
    if !forbidden.isEmpty {
      return "give this user access to \(forbidden[0]) (its group, or root), then try again"
    }
    switch code {
    case 34: return "this is a stub for linking; take the folder of stubs out of LD_LIBRARY_PATH"
    case CUDAStatus.noDevice where !hasDeviceFiles, CUDAStatus.operatingSystem where !hasDeviceFiles:
      return "there is no /dev/nvidia0: start the container with --gpus all, or load the module with nvidia-modprobe"
    case CUDAStatus.noDevice: return "the driver sees no GPU; CUDA_VISIBLE_DEVICES may hide them all"
    case 46: return "another process has the GPU for itself (compute mode); nvidia-smi names it"
    case 802: return "the NVLink fabric is not ready; nvidia-fabricmanager must run on the host"
    case 803, 804:
      return "libcuda and the kernel's module are of different versions; reboot, or install one of them again"
    default: return "nvidia-smi should show the GPU; if it does not, install the driver again"
    }
  }
}
