import Glibc

/// A new, empty folder that is removed with the files in it.
final class TemporaryFolder {
  let path: String

  init() throws {
    var template = Array("/tmp/needletail-gpu-tests-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw CheckFailure(description: "no temporary folder can be made: \(String(cString: strerror(errno)))")
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The names of its files.
  func names() -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  deinit {
    for name in names() { unlink("\(path)/\(name)") }
    rmdir(path)
  }
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
