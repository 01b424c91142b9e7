#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A directory that has nothing but a config.json, removed with this.
final class TemporaryConfig {
  let directory: String

  init(_ config: String) throws {
    var template = Array("/tmp/needletail-config-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw RunningError("a directory for a config.json could not be made") }
    directory = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    try Files.write(config, to: directory + "/config.json")
  }

  deinit {
    unlink(directory + "/config.json")
    rmdir(directory)
  }
}
