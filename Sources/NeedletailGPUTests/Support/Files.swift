import Glibc

/// What checks do with files.
enum Files {
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// The names in a folder, sorted.
  static func names(_ folder: String) -> [String] {
    guard let opened = opendir(folder) else { return [] }
    defer { closedir(opened) }
    var names: [String] = []
    while let entry = readdir(opened) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  static func makeFolder(_ path: String) throws {
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw failure("\(path) cannot be made") }
  }

  static func read(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "r") else { throw failure("\(path) cannot be read") }
    defer { fclose(file) }
    var (bytes, buffer): ([UInt8], [UInt8]) = ([], [UInt8](repeating: 0, count: 1 << 20))
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 { return bytes }
      bytes += buffer[..<count]
    }
  }

  static func text(_ path: String) throws -> String { String(decoding: try read(path), as: UTF8.self) }

  static func write(_ bytes: some Collection<UInt8>, to path: String) throws {
    guard let file = fopen(path, "w") else { throw failure("\(path) cannot be written") }
    let all = Array(bytes)
    let written = fwrite(all, 1, all.count, file)
    guard fclose(file) == 0, written == all.count else { throw failure("\(path) cannot be written") }
  }

  /// Changes one byte of a file.
  static func damage(_ path: String, at offset: Int) throws {
    let descriptor = open(path, O_RDWR)
    guard descriptor >= 0 else { throw failure("\(path) cannot be opened") }
    defer { close(descriptor) }
    var byte: UInt8 = 0
    guard pread(descriptor, &byte, 1, offset) == 1 else { throw failure("\(path) has no byte \(offset)") }
    byte ^= 1
    guard pwrite(descriptor, &byte, 1, offset) == 1 else { throw failure("\(path) cannot be written") }
  }

  /// Copies a folder's files, and those of the folders in it.
  static func copyFolder(_ source: String, to target: String) throws {
    try makeFolder(target)
    for name in names(source) {
      let (from, to) = ("\(source)/\(name)", "\(target)/\(name)")
      if isFolder(from) { try copyFolder(from, to: to) } else { try write(try read(from), to: to) }
    }
  }

  /// Removes a file, or a folder with all that is in it; links are not followed.
  static func remove(_ path: String) {
    if isFolder(path) {
      for name in names(path) { remove("\(path)/\(name)") }
      rmdir(path)
    } else {
      unlink(path)
    }
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private static func failure(_ what: String) -> CheckFailure {
    CheckFailure(description: "\(what): \(String(cString: strerror(errno)))")
  }
}
