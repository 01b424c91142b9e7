import NeedletailCheckpoint
import NeedletailJSON

/// Writes tensors as they come: one file where they are few, else files of about 4 GB with an index.
final class ShardedWriter {
  private let directory: String
  private var pending: [StoredTensor] = []
  private var pendingBytes = 0
  private var shards: [(file: String, names: [String])] = []
  /// Bytes of all tensors.
  private(set) var bytes = 0
  private static let limit = 4 << 30

  init(_ directory: String) throws {
    self.directory = directory
    for name in ["model.safetensors", "model.safetensors.index.json"]
    where ModelDirectory.exists("\(directory)/\(name)") {
      throw QuantizeError("\(directory) holds a model already; name a directory of its own for the result")
    }
  }

  func add(_ tensor: StoredTensor) throws {
    pending.append(tensor)
    pendingBytes += tensor.bytes.count
    bytes += tensor.bytes.count
  }

  /// Writes a file when there is enough for one.
  func flushIfLarge() throws { if pendingBytes >= Self.limit { try flush() } }

  private func flush(as name: String? = nil) throws {
    let file = name ?? "model-\(String(shards.count + 100_001).dropFirst()).safetensors"
    var writer = try SafetensorsWriter(
      "\(directory)/\(file)", pending.map { .init($0.name, $0.dtype, $0.shape) })
    for tensor in pending { try writer.write(tensor.bytes, to: tensor.name) }
    try writer.finish()
    shards.append((file, pending.map(\.name)))
    (pending, pendingBytes) = ([], 0)
  }

  /// Writes the rest, and the index.
  func finish() throws {
    guard !shards.isEmpty else { return try flush(as: "model.safetensors") }
    if !pending.isEmpty { try flush() }
    let map = shards.flatMap { shard in shard.names.map { ($0, JSON.string(shard.file)) } }
    let index: JSON = ["metadata": ["total_size": .int(bytes)], "weight_map": .object(JSONObject(map))]
    try ModelDirectory.write(Array(index.text(.init(indent: 2)).utf8), to: "\(directory)/model.safetensors.index.json")
  }
}
