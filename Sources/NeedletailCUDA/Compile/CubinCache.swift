import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Compiled kernels on disk.
///
/// Looked for in a folder beside the binary (made ahead, for any compiler's version), then in the user's cache, then
/// compiled and put there. Files are named by hash and checksummed, written under a temporary name and renamed, so
/// several processes may share them. A cache that cannot be read or written costs time and one warning, nothing else.
///
///     let kernel = try cache.kernel(source, architecture: "sm_90a") { try CUDALibraries.shared.nvrtc.get() }
public final class CubinCache: Sendable {
  /// Where a kernel came from.
  public enum Origin: String, Sendable {
    /// The folder beside the binary.
    case bundled
    /// The user's cache.
    case cached
    /// The compiler, just now.
    case compiled
  }

  /// The user's cache; nil where there is no place for one.
  public let folder: String?
  /// The folder beside the binary.
  public let bundledFolder: String?
  private let warn: @Sendable (String) -> Void
  private let hasWarned = Mutex(false)

  /// The cache in the given folders. `warn` gets one sentence at most.
  public init(
    folder: String? = CubinCache.defaultFolder, bundledFolder: String? = CubinCache.defaultBundledFolder,
    warn: @escaping @Sendable (String) -> Void = CubinCache.warnOnStandardError
  ) {
    self.folder = folder
    self.bundledFolder = bundledFolder
    self.warn = warn
  }

  /// `XDG_CACHE_HOME/needletail/kernels`, else `~/.cache/needletail/kernels`; nil where neither variable is set.
  public static var defaultFolder: String? {
    // The specification has relative paths ignored.
    let cache = SystemFiles.environment("XDG_CACHE_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil }
    return (cache ?? SystemFiles.environment("HOME").map { $0 + "/.cache" }).map { $0 + "/needletail/kernels" }
  }

  /// `needletail-kernels` beside the running binary; nil where the system does not say where that is.
  public static var defaultBundledFolder: String? {
    SystemFiles.linkTarget("/proc/self/exe").map { SystemFiles.parent($0) + "/needletail-kernels" }
  }

  /// Writes a warning as a line on the standard error stream.
  public static let warnOnStandardError: @Sendable (String) -> Void = { sentence in
    let line = Array("warning: \(sentence)\n".utf8)
    _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
  }

  /// The file of a kernel in a folder of kernels made ahead.
  public static func bundledName(_ source: KernelSource, architecture: String) -> String {
    source.key(architecture: architecture, compiler: nil) + ".cubin"
  }

  /// Finds a kernel or compiles it. The compiler is asked for only where the kernel is not beside the binary. Throws
  /// what the compiler throws; a damaged or unusable cache never is an error.
  public func kernel(
    _ source: KernelSource, architecture: String, compiler: () throws -> NVRTC
  ) throws -> (kernel: CompiledKernel, origin: Origin) {
    if let bundledFolder {
      let path = bundledFolder + "/" + Self.bundledName(source, architecture: architecture)
      if let kernel = read(path) { return (kernel, .bundled) }
    }
    let nvrtc: NVRTC
    do {
      nvrtc = try compiler()
    } catch let error as CUDAError {
      throw CUDAError(
        "\(source.name) is not compiled for \(architecture) and there is nothing to compile it with: \(error); "
          + "needletail doctor says what to install")
    }
    let key = source.key(architecture: architecture, compiler: nvrtc.version)
    if let folder, let kernel = read("\(folder)/\(key).cubin") { return (kernel, .cached) }
    return (try compiled(source, architecture: architecture, nvrtc), .compiled)
  }

  /// Compiles a kernel that was found and that the driver does not take, with its words why, and replaces it.
  func kernelAgain(
    _ source: KernelSource, architecture: String, because reason: CUDAError, compiler: () throws -> NVRTC
  ) throws -> CompiledKernel {
    warnOnce("the driver does not take a compiled \(source.name) (\(reason)); the kernel is compiled again")
    return try compiled(source, architecture: architecture, try compiler())
  }

  private func compiled(_ source: KernelSource, architecture: String, _ nvrtc: NVRTC) throws -> CompiledKernel {
    let kernel = try KernelCompiler(nvrtc).compile(source, architecture: architecture)
    if let folder {
      store(kernel, folder, "\(folder)/\(source.key(architecture: architecture, compiler: nvrtc.version)).cubin")
    } else {
      warnOnce(
        "neither HOME nor XDG_CACHE_HOME is set, so there is no place for kernels; they are compiled at every start")
    }
    return kernel
  }

  private func read(_ path: String) -> CompiledKernel? {
    guard SystemFiles.exists(path) else { return nil }
    guard let bytes = SystemFiles.read(path, limit: CompiledKernel.fileLimit),
      let kernel = CompiledKernel(file: bytes)
    else {
      warnOnce("\(path) is damaged or cannot be read; the kernel is compiled again")
      return nil
    }
    return kernel
  }

  private func store(_ kernel: CompiledKernel, _ folder: String, _ path: String) {
    guard SystemFiles.makeFolder(folder) else {
      warnOnce("\(folder) cannot be made (\(SystemFiles.reason())); kernels are compiled at every start")
      return
    }
    if let reason = SystemFiles.writeAtomically(kernel.file(), to: path) {
      warnOnce("\(folder) cannot be written (\(reason)); kernels are compiled at every start")
    }
  }

  private func warnOnce(_ sentence: String) {
    let isFirst = hasWarned.withLock { hasWarned in
      defer { hasWarned = true }
      return !hasWarned
    }
    if isFirst { warn(sentence) }
  }
}
