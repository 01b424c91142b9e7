/// A safetensors file, mapped read-only, with its header checked.
///
///     let file = try SafetensorsFile("model.safetensors")
///     let tensor = try file.tensor("model.embed_tokens.weight")
///     print(tensor.dtype, tensor.shape, tensor.bytes.count)
///
/// Opening reads the header only; a tensor's bytes are read from the disk when they are first touched. A damaged or
/// hostile file is a `CheckpointError` that names the file and the tensor, never a trap.
public final class SafetensorsFile: Sendable {
  /// The mapping the tensors' bytes lie in.
  public let mapping: MappedFile
  /// The tensors, sorted by the bytes of their names.
  private let entries: [SafetensorsHeader.Entry]
  /// The strings under `__metadata__`, in the order of the file; most files have `format: pt`.
  public let metadata: [(key: String, value: String)]

  /// Maps a file and checks its header.
  public init(_ path: String) throws(CheckpointError) {
    mapping = try MappedFile(path)
    let header = try SafetensorsHeader(mapping.bytes, path: path)
    entries = header.entries
    metadata = header.metadata
  }

  /// The path the file was opened by.
  public var path: String { mapping.path }

  /// The tensors' names, sorted by their bytes.
  public var names: [String] { entries.map(\.name) }

  /// All tensors, sorted by the bytes of their names.
  public var tensors: [TensorView] { entries.map { TensorView(file: mapping, entry: $0) } }

  /// A tensor, or nil where the file has none of that name. Takes logarithmic time.
  public subscript(name: String) -> TensorView? {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].name.utf8.lexicographicallyPrecedes(name.utf8) { low = middle + 1 } else { high = middle }
    }
    guard low < entries.count, entries[low].name.utf8.elementsEqual(name.utf8) else { return nil }
    return TensorView(file: mapping, entry: entries[low])
  }

  /// A tensor that must be there.
  public func tensor(_ name: String) throws(CheckpointError) -> TensorView {
    guard let tensor = self[name] else { throw CheckpointError(path, "has no tensor \(quoted(name))") }
    return tensor
  }
}
