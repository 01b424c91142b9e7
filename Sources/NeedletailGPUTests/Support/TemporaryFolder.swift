import Glibc

/// A new, empty folder that is removed with all that is in it.
final class TemporaryFolder: Sendable {
  let path: String

  /// A folder that other users may read, but not write.
  init() throws {
    var template = Array("/tmp/needletail-gpu-tests-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw CheckFailure(description: "no temporary folder can be made: \(String(cString: strerror(errno)))")
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    chmod(path, 0o755)
  }

  /// The names of its files.
  func names() -> [String] { Files.names(path) }

  deinit { Files.remove(path) }
}

/// The folder of the running program.
enum ProgramFolder {
  static let path: String = {
    guard let path = realpath("/proc/self/exe", nil) else { return "." }
    defer { free(path) }
    let name = String(cString: path)
    return name.lastIndex(of: "/").map { String(name[..<$0]) } ?? "."
  }()
}
