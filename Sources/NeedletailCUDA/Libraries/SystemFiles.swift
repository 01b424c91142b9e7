#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The few questions to the file system that finding libraries and cached kernels takes.
enum SystemFiles {
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The names in a folder, sorted; none where it cannot be read.
  static func names(in folder: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// What a symbolic link points to, as an absolute path; nil where it is none.
  static func linkTarget(_ path: String) -> String? {
    let target = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4096) { buffer -> String? in
      guard let base = buffer.baseAddress else { return nil }
      let count = base.withMemoryRebound(to: CChar.self, capacity: 4096) { readlink(path, $0, 4096) }
      return count > 0 && count < 4096 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }
    guard let target else { return nil }
    return target.utf8.first == UInt8(ascii: "/") ? target : parent(path) + "/" + target
  }

  /// The folder that holds a path.
  static func parent(_ path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The last part of a path.
  static func lastName(_ path: String) -> String {
    path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[path.index(after: $0)...]) } ?? path
  }

  static func environment(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
  }

  /// The reason of the last failure of a system call.
  static func reason(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }

  /// Makes a folder and those above it. Whether it is there now; where it is not, `errno` says why.
  static func makeFolder(_ path: String) -> Bool {
    if isDirectory(path) { return true }
    if exists(path) {
      errno = ENOTDIR
      return false
    }
    let above = parent(path)
    if above != path, above != ".", !makeFolder(above) { return false }
    if mkdir(path, 0o755) == 0 { return true }
    let code = errno
    // Another process may have been faster.
    if isDirectory(path) { return true }
    errno = code
    return false
  }

  /// All bytes of a regular file of at most `limit` bytes; nil where it cannot be read.
  static func read(_ path: String, limit: Int) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= limit else {
      return nil
    }
    let size = Int(status.st_size)
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while count < size, let base = buffer.baseAddress {
        let got = Self.readSome(descriptor, base + count, size - count)
        if got <= 0 { break }
        count += got
      }
    }
  }

  private static func readSome(_ descriptor: Int32, _ to: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int {
    while true {
      #if canImport(Glibc)
        let got = Glibc.read(descriptor, to, count)
      #elseif canImport(Musl)
        let got = Musl.read(descriptor, to, count)
      #else
        let got = Darwin.read(descriptor, to, count)
      #endif
      if got >= 0 || errno != EINTR { return got }
    }
  }

  /// Writes a file under a temporary name beside its own and renames it: readers, in other processes too, see all of
  /// it or none. The reason where that fails; then nothing is left.
  static func writeAtomically(_ bytes: [UInt8], to path: String) -> String? {
    let temporary = path + ".\(getpid())-\(UInt32.random(in: 0 ... .max)).tmp"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { return reason() }
    var done = 0
    var failure: String?
    bytes.withUnsafeBytes { buffer in
      while done < buffer.count, let base = buffer.baseAddress {
        let count = write(descriptor, base + done, buffer.count - done)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
          failure = reason()
          return
        }
        done += count
      }
    }
    // A full disk may show itself only when the file is closed.
    if close(descriptor) != 0, failure == nil { failure = reason() }
    if failure == nil, rename(temporary, path) != 0 { failure = reason() }
    if failure != nil { unlink(temporary) }
    return failure
  }
}
