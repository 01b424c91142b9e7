#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The system's words for an error number.
func systemMessage(_ code: Int32) -> String { strerror(code).map { String(cString: $0) } ?? "error \(code)" }

/// The few questions that are asked of the file system; every one follows symbolic links, as the Hugging Face cache needs.
enum FileSystem {
  enum Kind { case file, directory, other }

  /// What stands at a path, or nil where nothing can be found there.
  static func kind(_ path: String) -> Kind? {
    var status = stat()
    guard isValid(path), stat(path, &status) == 0 else { return nil }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return .file
    case S_IFDIR: return .directory
    default: return .other
    }
  }

  /// A path that holds a NUL would be cut short by the system: nothing is found there.
  static func isValid(_ path: String) -> Bool { !path.isEmpty && !path.utf8.contains(0) }

  /// Opens a regular file for reading and says how many bytes it has.
  static func openFile(_ path: String) throws(CheckpointError) -> (descriptor: Int32, count: Int) {
    guard isValid(path) else { throw CheckpointError(quoted(path), "is no name of a file") }
    // Without O_NONBLOCK a named pipe would wait here for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      throw code == ENOENT ? CheckpointError(path, "is missing") : .system(path, "opening the file", code)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let code = errno
      close(descriptor)
      throw .system(path, "fstat", code)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw CheckpointError(path, "is not a regular file")
    }
    return (descriptor, Int(status.st_size))
  }

  /// The bytes of a file, which may have no more than `limit`.
  static func read(_ path: String, limit: Int) throws(CheckpointError) -> [UInt8] {
    let (descriptor, count) = try openFile(path)
    defer { close(descriptor) }
    guard count <= limit else {
      throw CheckpointError(path, "has \(count) bytes, more than the \(limit) that are read of such a file")
    }
    var failure: CheckpointError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      do throws(CheckpointError) {
        filled = try read(descriptor, of: path, at: 0, into: UnsafeMutableRawBufferPointer(buffer))
      } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Reads a file's bytes from an offset on, and says how many there were: fewer where the file ends.
  static func read(
    _ descriptor: Int32, of path: String, at offset: Int, into target: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) -> Int {
    var filled = 0
    while filled < target.count, let base = target.baseAddress {
      let got = pread(descriptor, base + filled, target.count - filled, off_t(offset + filled))
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw .system(path, "reading the file", errno) }
      if got == 0 { break }
      filled += got
    }
    return filled
  }

  /// The names in a directory, sorted by their bytes.
  static func names(in directory: String) throws(CheckpointError) -> [String] {
    guard isValid(directory), let stream = opendir(directory) else {
      throw .system(directory, "reading the directory", errno)
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) {
          String(cString: $0)
        }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// `directory/name`, without a doubled slash.
  static func join(_ directory: String, _ name: String) -> String {
    directory.utf8.last == UInt8(ascii: "/") ? directory + name : directory + "/" + name
  }
}
