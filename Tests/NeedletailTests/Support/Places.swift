import Foundation

/// Where test data lies.
enum Place {
  /// The package's root.
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path
  static let fixtures = root + "/Tests/NeedletailTests/Fixtures"
  /// The trained model of the repository.
  static let demo = root + "/Demo/needle-5m"
  /// Larger data beside the repository, for tests that are left out where it is absent.
  static let shared = root + "/../shared"
  static let needle40m = shared + "/models/needle-40m"

  static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  static func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }
  static func text(_ path: String) throws -> String { String(decoding: try bytes(path), as: UTF8.self) }
}
