import CNeedletailCUDA

/// NVRTC, opened: CUDA C++ to machine code.
public final class NVRTC: Sendable, StatusNaming {
  let functions: nt_nvrtc
  /// The file it came from.
  public let path: String
  /// Its version.
  public let version: CUDAVersion
  /// The file of built-in headers that was opened beside it; nil where there is none.
  public let builtinsPath: String?

  init(_ library: OpenedLibrary) throws(CUDAError) {
    functions = try load(library, "library is too old (CUDA 12.0 or newer is needed)", nt_nvrtc_load)
    path = library.path
    var (major, minor): (Int32, Int32) = (0, 0)
    let code = functions.version(&major, &minor)
    version = CUDAVersion(major: Int(major), minor: Int(minor))
    builtinsPath = Self.openBuiltins(beside: library.path, version)
    try check(code, "nvrtcVersion", in: self, path)
  }

  func name(ofStatus code: Int32) -> String {
    functions.getErrorString(code).map { String(cString: $0) } ?? "an unknown code"
  }

  /// Compute capabilities it compiles for, as 80 or 90, ascending.
  public func supportedArchitectures() throws(CUDAError) -> [Int] {
    var count: Int32 = 0
    try check(functions.getSupportedArchCount(&count), "nvrtcGetNumSupportedArchs", in: self)
    guard count > 0, count < 1000 else { return [] }
    var archs = [Int32](repeating: 0, count: Int(count))
    try check(functions.getSupportedArchs(&archs), "nvrtcGetSupportedArchs", in: self)
    return archs.map(Int.init).sorted()
  }

  /// NVRTC opens its built-in headers by name when it compiles and does not look beside itself, where pip puts them.
  /// Opened by their full path first, the loader finds them by that name.
  private static func openBuiltins(beside path: String, _ version: CUDAVersion) -> String? {
    let folder = SystemFiles.parent(path)
    let names = SystemFiles.names(in: folder).filter { $0.hasPrefix("libnvrtc-builtins.so.") }
    let exact = "libnvrtc-builtins.so.\(version)"
    guard let name = names.first(where: { $0 == exact }) ?? names.first(where: { $0.hasPrefix(exact + ".") }) else {
      return nil
    }
    var reason = [CChar](repeating: 0, count: 512)
    return nt_library_open("\(folder)/\(name)", &reason, reason.count) == 0 ? nil : "\(folder)/\(name)"
  }
}
