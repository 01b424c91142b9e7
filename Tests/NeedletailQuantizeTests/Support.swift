import Foundation
import NeedletailCheckpoint
import NeedletailGraph
import NeedletailJSON

@testable import NeedletailQuantize

/// A directory of its own, removed at the end.
final class TemporaryFolder {
  let path: String

  init() {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("needletail-\(UUID().uuidString)").path
    do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
      fatalError("\(error)")
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ bytes: [UInt8]) {
    precondition(
      FileManager.default.createFile(atPath: "\(path)/\(name)", contents: Data(bytes)), "cannot write \(name)")
  }

  func write(_ name: String, _ json: JSON) { write(name, Array(json.text().utf8)) }

  func write(_ tensors: [StoredTensor]) throws {
    var writer = try SafetensorsWriter(
      "\(path)/model.safetensors", tensors.map { .init($0.name, $0.dtype, $0.shape) })
    for tensor in tensors { try writer.write(tensor.bytes, to: tensor.name) }
    try writer.finish()
  }

  /// What a directory's matrices are, of parameters of a model.
  func stored(
    _ parameters: [(name: String, shape: [Int])], transposed: Set<String> = []
  ) throws -> QuantizedCheckpoint {
    let directory = try ModelDirectory(path)
    guard let config = try QuantizationConfig(directory) else { throw QuantizeError("nothing is quantized") }
    return try QuantizedCheckpoint(
      try Checkpoint(directory: path), config, parameters: parameters, transposed: transposed)
  }
}

/// Files beside the tests.
enum Fixtures {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
    .path
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  static func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")))
  }
}

/// Seeded numbers, about normal.
struct Numbers {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func uniform() -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(state >> 40) / Float(1 << 24)
  }

  mutating func normal() -> Float { (0..<12).reduce(Float(-6)) { sum, _ in sum + uniform() } }

  /// Some columns are larger than others.
  mutating func matrix(_ rows: Int, _ columns: Int, scale: Float = 0.05) -> FloatMatrix {
    let factors = (0..<columns).map { $0 % 13 == 4 ? scale * 5 : scale }
    return FloatMatrix(rows, columns, (0..<rows * columns).map { normal() * factors[$0 % columns] })
  }
}

/// The sentence of the error that a body throws; empty where it throws none.
func sentence(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch { return "\(error)" }
}
