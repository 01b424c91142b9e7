import NeedletailJSON

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension Tokenizer {
  /// Reads `tokenizer.json`, or `tokenizer.model` where there is none, and `tokenizer_config.json` where it exists.
  ///
  /// Throws a `TokenizerError` of one sentence where none is there, or what is there cannot be used.
  public static func load(directory: String) throws -> Tokenizer {
    let config = try bytes(of: "\(directory)/tokenizer_config.json").map { try parse($0, "tokenizer_config.json") }
    if let bytes = try bytes(of: "\(directory)/tokenizer.json") {
      return try Tokenizer(json: try parse(bytes, "tokenizer.json"), config: config)
    }
    if let bytes = try bytes(of: "\(directory)/tokenizer.model") {
      return try Tokenizer(sentencePieceModel: bytes, config: config)
    }
    throw TokenizerError("'\(directory)' has neither a tokenizer.json nor a tokenizer.model")
  }

  private static func parse(_ bytes: [UInt8], _ name: String) throws -> JSON {
    do {
      return try JSON.parse(bytes)
    } catch {
      throw TokenizerError("\(name): \(error)")
    }
  }

  /// The largest file that is read; published ones have up to 35 MB.
  private static let maximumBytes = 1 << 29

  /// The contents of a file, or nil where there is none.
  private static func bytes(of path: String) throws -> [UInt8]? {
    guard let file = fopen(path, "rb") else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw TokenizerError("'\(path)' cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var size = 1 << 16
    if fseek(file, 0, SEEK_END) == 0 {
      // A directory claims the largest size there is.
      let end = ftell(file)
      if (0..<maximumBytes).contains(end) { size = end + 1 }
      rewind(file)
    }
    while true {
      guard size <= maximumBytes else { throw TokenizerError("'\(path)' is larger than \(maximumBytes) bytes") }
      let before = bytes.count
      let part = [UInt8](unsafeUninitializedCapacity: size - before) { buffer, count in
        count = fread(buffer.baseAddress, 1, buffer.count, file)
      }
      if before == 0 { bytes = part } else { bytes += part }
      if bytes.count < size { break }
      size *= 2
    }
    guard ferror(file) == 0 else { throw TokenizerError("'\(path)' cannot be read") }
    return bytes
  }
}
