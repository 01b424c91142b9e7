import NeedletailJSON

/// The weights of a model directory: one safetensors file, or several with an index.
///
///     let checkpoint = try Checkpoint(directory: "Llama-3.2-1B")
///     try checkpoint.check(expected: [("model.norm.weight", [2048])], ignoring: ["*.inv_freq"])
///     let weight = try checkpoint.tensor("model.norm.weight")
///
/// `model.safetensors` comes first, then `model.safetensors.index.json` with the files it names, then the only
/// `*.safetensors` file there is. Opening maps the files and checks their headers; no weight is read.
public struct Checkpoint: Sendable {
  /// The directory the files lie in.
  public let directory: String
  /// The files, sorted by their names.
  public let files: [SafetensorsFile]
  /// The tensors' names, sorted by their bytes.
  public let names: [String]
  private let fileOfName: [NameKey: Int]
  // Where tensors lie that go by other names than in the files, or are parts of larger ones.
  private let stored: [NameKey: Stored]

  /// A tensor in a file, or some rows of one of the matrices that are stacked in it.
  struct Stored {
    var name: String
    var index: Int?
    var rows: Range<Int> = 0..<0
  }

  static let singleName = "model.safetensors"
  static let indexName = "model.safetensors.index.json"
  /// The index of the largest published models has some 15 MB.
  static let maximumIndexBytes = 100_000_000

  /// Opens the weights of a directory.
  public init(directory: String) throws(CheckpointError) {
    let single = FileSystem.join(directory, Self.singleName)
    let index = FileSystem.join(directory, Self.indexName)
    if FileSystem.kind(single) == .file {
      try self.init(directory: directory, file: single)
    } else if FileSystem.kind(index) == .file {
      try self.init(directory: directory, index: index)
    } else {
      try self.init(directory: directory, file: try Self.onlyFile(in: directory))
    }
  }

  /// A tensor, or nil where the checkpoint has none of that name.
  public subscript(name: String) -> TensorView? {
    let key = NameKey(name)
    guard let position = fileOfName[key] else { return nil }
    guard let place = stored[key] else { return files[position][name] }
    let whole = files[position][place.name]
    return place.index.map { whole?.slice(index: $0, rows: place.rows) } ?? whole
  }

  /// A tensor that must be there.
  public func tensor(_ name: String) throws(CheckpointError) -> TensorView {
    guard let tensor = self[name] else { throw CheckpointError(directory, "has no tensor \(quoted(name))") }
    return tensor
  }

  /// Bytes of all tensors together.
  public var tensorBytes: Int { names.reduce(0) { $0 + (self[$1]?.byteRange.count ?? 0) } }

  /// The same checkpoint with `prefix` before its names, except those that are kept: for files saved from a part of the
  /// model, as many published ones are. Where a name has the prefix already, nothing changes.
  public func adding(prefix: String, keeping: (String) -> Bool) -> Checkpoint {
    guard !names.contains(where: { $0.hasPrefix(prefix) }) else { return self }
    return Checkpoint(self, entries: names.map { (keeping($0) ? $0 : prefix + $0, Stored(name: $0)) })
  }

  /// The same tensors under other names; `stored` has the names that they have here.
  init(_ other: Checkpoint, entries: [(name: String, stored: Stored)]) {
    (directory, files) = (other.directory, other.files)
    names = entries.map(\.name).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let here = Dictionary(entries.map { (NameKey($0.name), $0.stored) }, uniquingKeysWith: { first, _ in first })
    fileOfName = here.compactMapValues { other.fileOfName[NameKey($0.name)] }
    stored = here.mapValues { place in
      guard var inFile = other.stored[NameKey(place.name)] else { return place }
      if place.index != nil { (inFile.index, inFile.rows) = (place.index, place.rows) }
      return inFile
    }
  }

  private init(directory: String, file path: String) throws(CheckpointError) {
    let file = try SafetensorsFile(path)
    self.directory = directory
    files = [file]
    names = file.names
    stored = [:]
    fileOfName = Dictionary(uniqueKeysWithValues: file.names.map { (NameKey($0), 0) })
  }

  private init(directory: String, index path: String) throws(CheckpointError) {
    let placed = try Self.readIndex(path)
    let fileNames = Set(placed.map { NameKey($0.file) }).map(\.text)
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let missing = fileNames.filter { FileSystem.kind(FileSystem.join(directory, $0)) != .file }
    guard missing.isEmpty else {
      throw CheckpointError(
        directory,
        "\(missing.count) of the \(fileNames.count) files that \(Self.indexName) names are missing: "
          + "\(summary(missing.map(quoted))); download the model again, or the rest of it")
    }
    var files: [SafetensorsFile] = []
    var fileIndex: [NameKey: Int] = [:]
    for (position, name) in fileNames.enumerated() {
      files.append(try SafetensorsFile(FileSystem.join(directory, name)))
      fileIndex[NameKey(name)] = position
    }
    var fileOfName: [NameKey: Int] = [:]
    fileOfName.reserveCapacity(placed.count)
    for (tensor, file) in placed {
      guard let position = fileIndex[NameKey(file)], files[position][tensor] != nil else {
        throw CheckpointError(path, "places tensor \(quoted(tensor)) in \(quoted(file)), which does not have it")
      }
      fileOfName[NameKey(tensor)] = position
    }
    self.directory = directory
    self.files = files
    self.fileOfName = fileOfName
    stored = [:]
    names = placed.map(\.tensor).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// The pairs of `weight_map`, whose file names are checked to stay within the directory.
  private static func readIndex(_ path: String) throws(CheckpointError) -> [(tensor: String, file: String)] {
    let json = try JSON.read(path, limit: maximumIndexBytes)
    guard let map = json["weight_map"]?.object else { throw CheckpointError(path, "has no weight_map object") }
    guard map.count > 0 else { throw CheckpointError(path, "has an empty weight_map") }
    var pairs: [(tensor: String, file: String)] = []
    pairs.reserveCapacity(map.count)
    for (tensor, value) in map {
      guard let file = value.string else {
        throw CheckpointError(
          path, "weight_map has \(value.typeName) for \(quoted(tensor)) where a file's name should stand")
      }
      guard file.utf8.count <= 255, file.utf8.first != UInt8(ascii: "."),
        !file.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") || $0 < 0x20 })
      else {
        throw CheckpointError(path, "weight_map names \(quoted(file)), which is not a file in the same directory")
      }
      guard file.utf8.suffix(12).elementsEqual(".safetensors".utf8) else {
        throw CheckpointError(path, "weight_map names \(quoted(file)), but only safetensors files are read")
      }
      pairs.append((tensor, file))
    }
    return pairs
  }

  private static func onlyFile(in directory: String) throws(CheckpointError) -> String {
    let names = try FileSystem.names(in: directory)
    let candidates = names.filter { $0.utf8.suffix(12).elementsEqual(".safetensors".utf8) }
    if candidates.count == 1 { return FileSystem.join(directory, candidates[0]) }
    guard candidates.isEmpty else {
      throw CheckpointError(
        directory,
        "has \(candidates.count) safetensors files (\(summary(candidates.map(quoted)))) but neither \(singleName) "
          + "nor \(indexName), which would say how they belong together")
    }
    let pickled = names.filter { $0.hasSuffix(".bin") || $0.hasSuffix(".pt") || $0.hasSuffix(".pth") }
    throw CheckpointError(
      directory,
      pickled.isEmpty
        ? "has no weights: neither \(singleName) nor \(indexName)"
        : "has its weights only as pickled files (\(summary(pickled.map(quoted), limit: 3))), which are not read because "
          + "they can run code: convert them to safetensors")
  }
}
