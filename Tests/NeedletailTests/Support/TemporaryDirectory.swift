import Foundation

/// A directory of its own for a test, removed at the end.
final class TemporaryDirectory {
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("needletail-\(UUID().uuidString)").path

  init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }

  func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: self(name)))
  }

  /// Copies files of another directory.
  func copy(_ names: String..., from directory: String) throws {
    for name in names { try write(name, try Place.bytes(directory + "/" + name)) }
  }
}
