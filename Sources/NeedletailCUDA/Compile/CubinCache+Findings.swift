#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension CubinCache {
  /// Whether there is a folder of kernels made ahead, with at least one.
  public var hasBundledKernels: Bool { bundledFolder.map { !Self.kernels(in: $0).isEmpty } ?? false }

  /// What doctor says about the kernels on disk.
  func findings() -> [CUDADiscovery.Finding] {
    var findings: [CUDADiscovery.Finding] = []
    if let bundledFolder, hasBundledKernels {
      findings.append(
        .init("kernels made ahead", "\(Self.kernels(in: bundledFolder).count) in \(bundledFolder)"))
    }
    guard let folder else {
      return findings + [
        .init(
          "kernel cache", "none: neither HOME nor XDG_CACHE_HOME is set",
          advice: "without it kernels are compiled at every start")
      ]
    }
    // The folder is made when the first kernel is stored; until then the nearest one above it must be writable.
    var nearest = folder
    while !SystemFiles.exists(nearest), SystemFiles.parent(nearest) != nearest { nearest = SystemFiles.parent(nearest) }
    let isWritable = access(nearest, W_OK | X_OK) == 0 && SystemFiles.isDirectory(nearest)
    let count = Self.kernels(in: folder).count
    findings.append(
      .init(
        "kernel cache", "\(folder), \(count) kernel\(count == 1 ? "" : "s")" + (isWritable ? "" : ", not writable"),
        advice: isWritable ? nil : "make it writable or set XDG_CACHE_HOME; kernels are compiled at every start"))
    return findings
  }

  /// The kernels in a folder: their files, sizes, and whether their checksums are right.
  public static func files(in folder: String) -> [(name: String, byteCount: Int, isWhole: Bool)] {
    kernels(in: folder).map { name in
      let bytes = SystemFiles.read("\(folder)/\(name)", limit: CompiledKernel.fileLimit) ?? []
      return (name, bytes.count, CompiledKernel(file: bytes) != nil)
    }
  }

  private static func kernels(in folder: String) -> [String] {
    SystemFiles.names(in: folder).filter { $0.hasSuffix(".cubin") }
  }
}
