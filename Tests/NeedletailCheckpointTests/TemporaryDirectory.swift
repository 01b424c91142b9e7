import Foundation

@testable import NeedletailCheckpoint

/// A directory of its own for each test, removed at the end.
final class TemporaryDirectory {
  let path: String

  init() {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("needletail-\(UUID().uuidString)").path
    make("")
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }

  func make(_ name: String) {
    do {
      try FileManager.default.createDirectory(atPath: path + "/" + name, withIntermediateDirectories: true)
    } catch { fatalError("\(error)") }
  }

  @discardableResult
  func write(_ name: String, _ text: String) -> String { write(name, Array(text.utf8)) }

  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) -> String {
    if name.contains("/") { make(String(name[..<(name.lastIndex(of: "/") ?? name.startIndex)])) }
    precondition(FileManager.default.createFile(atPath: self(name), contents: Data(bytes)), "cannot write \(name)")
    return self(name)
  }

  func link(_ name: String, to target: String) {
    do {
      try FileManager.default.createSymbolicLink(atPath: self(name), withDestinationPath: target)
    } catch { fatalError("\(error)") }
  }

  var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

/// A safetensors file of any header and data, right or wrong.
func safetensors(_ header: String, data: [UInt8] = [], length: UInt64? = nil) -> [UInt8] {
  let text = Array(header.utf8)
  return withUnsafeBytes(of: (length ?? UInt64(text.count)).littleEndian) { Array($0) } + text + data
}

/// The sentence of the error that a body throws, or "" where it throws none.
func sentence(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch { return "\(error)" }
}

/// Writes a file of float tensors.
func writeTensors(_ path: String, _ tensors: [(String, [Int], [Float])]) throws {
  var writer = try SafetensorsWriter(path, tensors.map { .init($0.0, .f32, $0.1) })
  for (name, _, values) in tensors { try writer.write(values, to: name) }
  try writer.finish()
}
