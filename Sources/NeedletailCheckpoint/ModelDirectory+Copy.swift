#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension ModelDirectory {
  /// Files beside the weights that loading may read.
  static let companions = [
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja",
    "chat_template.json",
  ]
  /// Bytes that each of them may have.
  public static let maximumCompanionBytes = 512 << 20

  /// Copies everything but the weights to another directory, and tells what was copied.
  public func copyCompanions(to directory: String) throws(CheckpointError) -> [(name: String, bytes: [UInt8])] {
    var copied: [(name: String, bytes: [UInt8])] = []
    func copy(_ name: String) throws(CheckpointError) {
      let bytes = try read(name, limit: Self.maximumCompanionBytes)
      try Self.write(bytes, to: FileSystem.join(directory, name))
      copied.append((name, bytes))
    }
    for name in Self.companions where has(name) { try copy(name) }
    let templates = "additional_chat_templates"
    guard FileSystem.kind(path(of: templates)) == .directory else { return copied }
    try Self.create(FileSystem.join(directory, templates))
    for name in try FileSystem.names(in: path(of: templates)) {
      let file = FileSystem.join(templates, name)
      if has(file) { try copy(file) }
    }
    return copied
  }

  /// Writes a small file whole: a reader sees all of the old one or all of the new one.
  public static func write(_ bytes: [UInt8], to path: String) throws(CheckpointError) {
    let file = try TemporaryFile(path)
    do {
      try bytes.withUnsafeBytes { try file.write($0, at: 0) }
    } catch let error as CheckpointError { throw error } catch { throw CheckpointError(path, "\(error)") }
    try file.commit()
  }

  /// Makes a directory that may be there already; those above it must be.
  public static func create(_ directory: String) throws(CheckpointError) {
    guard FileSystem.isValid(directory) else { throw CheckpointError(quoted(directory), "is no name of a directory") }
    if mkdir(directory, 0o777) == 0 { return }
    let code = errno
    guard code == EEXIST, FileSystem.kind(directory) == .directory else {
      throw .system(directory, "making the directory", code)
    }
  }

  /// Whether something stands at a path.
  public static func exists(_ path: String) -> Bool { FileSystem.kind(path) != nil }
}
