import Needletail

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Files that arguments name; "-" is standard input or output.
enum Files {
  /// All bytes of a file.
  static func bytes(_ path: String, limit: Int = 1 << 30) throws -> [UInt8] {
    guard !path.isEmpty, !path.utf8.contains(0) else { throw UsageError("a file's name is empty") }
    let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw UsageError("'\(path)' cannot be opened: \(reason)") }
    defer { if descriptor != STDIN_FILENO { close(descriptor) } }
    var bytes: [UInt8] = []
    var size = 1 << 20
    var status = stat()
    if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG { size = Int(status.st_size) + 1 }
    while true {
      guard bytes.count <= limit, size <= limit else { throw UsageError("'\(path)' is larger than \(limit) bytes") }
      var count = 0
      let part = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
        count = read(descriptor, buffer.baseAddress, buffer.count)
        filled = max(count, 0)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw UsageError("'\(path)' cannot be read: \(reason)") }
      if count == 0 { return bytes }
      if bytes.isEmpty { bytes = part } else { bytes += part }
      size = max(1 << 16, size - count)
    }
  }

  /// The text of a file, which must be UTF-8.
  static func text(_ path: String) throws -> String {
    let bytes = try bytes(path)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw UsageError("'\(path)' is not valid UTF-8")
    }
    return text
  }

  /// The value in a JSON file.
  static func json(_ path: String) throws -> JSON {
    do {
      return try JSON.parse(try bytes(path), options: .init(allowsNonFiniteNumbers: true))
    } catch let error as JSONError { throw UsageError("'\(path)': \(error)") }
  }

  /// Writes a text; "-" is standard output.
  static func write(_ text: String, to path: String) throws {
    if path == "-" { return Terminal.write(text) }
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw UsageError("'\(path)' cannot be written: \(reason)") }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let reason = reason
        close(descriptor)
        throw RunningError("'\(path)' cannot be written: \(reason)")
      }
      rest = rest.dropFirst(count)
    }
    close(descriptor)
  }

  /// Whether a path names a regular file.
  static func isFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// Whether a path names a directory.
  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The directory this process runs in.
  static var currentDirectory: String {
    guard let path = getcwd(nil, 0) else { return "." }
    defer { free(path) }
    return String(cString: path)
  }

  /// The file this process runs.
  static var executable: String? {
    guard let path = realpath("/proc/self/exe", nil) ?? realpath(CommandLine.arguments[0], nil) else { return nil }
    defer { free(path) }
    return String(cString: path)
  }

  private static var reason: String { String(cString: strerror(errno)) }
}
