import Glibc

@testable import NeedletailCUDA

/// A folder for one test, which goes away with it.
final class TemporaryFolder {
  let path: String

  init() {
    path = "/tmp/needletail-cuda-tests-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    _ = SystemFiles.makeFolder(path)
  }

  deinit { Self.remove(path) }

  func write(_ name: String, _ bytes: [UInt8]) {
    _ = SystemFiles.makeFolder(SystemFiles.parent("\(path)/\(name)"))
    _ = SystemFiles.writeAtomically(bytes, to: "\(path)/\(name)")
  }

  private static func remove(_ path: String) {
    if SystemFiles.isDirectory(path), SystemFiles.linkTarget(path) == nil {
      for name in SystemFiles.names(in: path) { remove("\(path)/\(name)") }
      rmdir(path)
    } else {
      unlink(path)
    }
  }
}
