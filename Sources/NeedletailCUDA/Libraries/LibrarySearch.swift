/// Where libraries of CUDA may lie, besides where the loader looks itself.
public struct LibrarySearch: Sendable {
  /// Folders in the order they are tried, each once.
  public let folders: [String]
  /// Whether the loader is asked first (LD_LIBRARY_PATH, the system's folders and cache).
  public let asksLoader: Bool

  /// Looks in the given folders.
  public init(folders: [String], asksLoader: Bool = true) {
    var seen: Set<String> = []
    self.folders = folders.filter { seen.insert($0).inserted && SystemFiles.isDirectory($0) }
    self.asksLoader = asksLoader
  }

  /// The folders of this machine: `CUDA_HOME` and `CUDA_PATH`, the usual places of a toolkit and of the driver in a
  /// container, and the packages that pip put into the Python environments in sight.
  public static func system() -> LibrarySearch {
    LibrarySearch(folders: toolkitFolders + driverFolders + pythonFolders())
  }

  private static var toolkitFolders: [String] {
    let roots =
      ["CUDA_HOME", "CUDA_PATH"].compactMap(SystemFiles.environment)
      + ["/usr/local/cuda"]
      + SystemFiles.names(in: "/usr/local").filter { $0.hasPrefix("cuda-") }.reversed().map { "/usr/local/" + $0 }
    return roots.flatMap { root in
      ["/lib64", "/targets/x86_64-linux/lib", "/targets/sbsa-linux/lib", "/lib"].map { root + $0 }
    }
  }

  /// Where a driver's libraries are mounted into containers and virtual machines without an entry in the loader's
  /// cache.
  private static let driverFolders = [
    "/usr/local/nvidia/lib64", "/usr/local/nvidia/lib", "/usr/lib/wsl/lib", "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/run/opengl-driver/lib",
  ]

  /// `nvidia/*/lib` in every folder of packages: `cuda_nvrtc`, `cublas` of CUDA 12, and `cu13`, which holds all.
  static func pythonFolders() -> [String] {
    var sites = (SystemFiles.environment("PYTHONPATH") ?? "").split(separator: ":").map(String.init)
    for prefix in pythonPrefixes() { sites += packageFolders(prefix: prefix) }
    return sites.flatMap(libraryFolders(site:))
  }

  /// The folders of NVIDIA's libraries in one folder of packages; those with `cu13` first.
  static func libraryFolders(site: String) -> [String] {
    let root = site + "/nvidia"
    let names = SystemFiles.names(in: root)
    let combined = names.filter { $0.hasPrefix("cu") && $0.dropFirst(2).allSatisfy(\.isNumber) }.reversed()
    return (combined + names.filter { !combined.contains($0) }).map { "\(root)/\($0)/lib" }
      .filter(SystemFiles.isDirectory)
  }

  /// The folders of packages of a Python environment.
  static func packageFolders(prefix: String) -> [String] {
    var folders: [String] = []
    for library in ["lib", "lib64", "local/lib"] {
      for name in SystemFiles.names(in: "\(prefix)/\(library)") where name.hasPrefix("python3") {
        folders.append("\(prefix)/\(library)/\(name)/site-packages")
        folders.append("\(prefix)/\(library)/\(name)/dist-packages")
      }
    }
    return folders.filter(SystemFiles.isDirectory)
  }

  /// The environments in sight: the active one, that of every `python3` on the PATH (following its links, since a link
  /// into a virtual environment is how many images offer theirs), the user's packages and the system's.
  private static func pythonPrefixes() -> [String] {
    var prefixes = ["VIRTUAL_ENV", "CONDA_PREFIX"].compactMap(SystemFiles.environment)
    for folder in (SystemFiles.environment("PATH") ?? "").split(separator: ":").prefix(100) {
      var path = "\(folder)/python3"
      // A chain of links may end in itself.
      for _ in 0..<8 where SystemFiles.exists(path) {
        prefixes.append(SystemFiles.parent(SystemFiles.parent(path)))
        guard let target = SystemFiles.linkTarget(path) else { break }
        path = target
      }
    }
    if let home = SystemFiles.environment("HOME") { prefixes.append(home + "/.local") }
    var seen: Set<String> = []
    return (prefixes + ["/usr/local", "/usr"]).filter { seen.insert($0).inserted }
  }
}
