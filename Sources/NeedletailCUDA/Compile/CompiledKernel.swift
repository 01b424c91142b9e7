/// Machine code for one architecture.
public struct CompiledKernel: Sendable, Equatable {
  /// The ELF file that the driver loads.
  public let cubin: [UInt8]
  /// The names in the machine code of the source's name expressions.
  public let loweredNames: [String: String]

  /// Machine code with the names of its instances.
  public init(cubin: [UInt8], loweredNames: [String: String] = [:]) {
    self.cubin = cubin
    self.loweredNames = loweredNames
  }

  /// Bytes a file of it may have; the largest kernels have some hundreds of kilobytes.
  static let fileLimit = 64 << 20
  private static let magic = Array("NTCUBIN1".utf8)

  /// The file of it: a magic number, SHA-256 of all that follows, the names, the cubin. Numbers are 32-bit big-endian
  /// counts.
  public func file() -> [UInt8] {
    var body = SHA256.bigEndian(UInt64(loweredNames.count), 4)
    for (expression, name) in loweredNames.sorted(by: { $0.key < $1.key }) {
      for text in [expression, name] {
        body += SHA256.bigEndian(UInt64(text.utf8.count), 4) + Array(text.utf8)
      }
    }
    body += SHA256.bigEndian(UInt64(cubin.count), 4) + cubin
    return Self.magic + SHA256.hash(body) + body
  }

  /// Reads a file; nil where it is cut short, damaged or something else.
  public init?(file: [UInt8]) {
    guard file.count > 40, file.starts(with: Self.magic) else { return nil }
    guard SHA256.hash(file[40...]) == Array(file[8..<40]) else { return nil }
    var rest = file[40...]
    func number() -> Int? {
      guard rest.count >= 4 else { return nil }
      defer { rest = rest.dropFirst(4) }
      return rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
    }
    func bytes() -> ArraySlice<UInt8>? {
      guard let count = number(), count <= rest.count else { return nil }
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count)
    }
    guard let count = number(), count <= rest.count else { return nil }
    var names: [String: String] = [:]
    for _ in 0..<count {
      guard let expression = bytes(), let name = bytes() else { return nil }
      names[String(decoding: expression, as: UTF8.self)] = String(decoding: name, as: UTF8.self)
    }
    guard let cubin = bytes(), rest.isEmpty else { return nil }
    self.init(cubin: Array(cubin), loweredNames: names)
  }
}
