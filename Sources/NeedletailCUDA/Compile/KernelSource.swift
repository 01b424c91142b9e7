/// A CUDA C++ file and all that decides what it compiles to, besides the architecture and the compiler.
public struct KernelSource: Sendable, Hashable {
  /// A file that sources include by its name.
  public struct Header: Sendable, Hashable {
    /// The name in `#include "…"`.
    public let name: String
    /// Its text.
    public let text: String

    /// A header by its name.
    public init(name: String, text: String) {
      self.name = name
      self.text = text
    }
  }

  /// A macro's definition.
  public struct Define: Sendable, Hashable {
    /// The macro.
    public let name: String
    /// What it stands for.
    public let value: String

    /// A macro's definition.
    public init(_ name: String, _ value: some CustomStringConvertible) {
      self.name = name
      self.value = value.description
    }
  }

  /// The file's name in messages, as "norm/rms_norm.cu".
  public var name: String
  /// The file's text.
  public var text: String
  /// All files it includes, directly or not; no folder is searched.
  public var headers: [Header]
  /// Macros that specialize it: head size, type, epilogue.
  public var defines: [Define]
  /// Instances of templates to compile, as "rms_norm<__nv_bfloat16, 4>"; their names in the machine code come back.
  public var nameExpressions: [String]
  /// Further options of NVRTC.
  public var options: [String]

  /// The options that every kernel has unless it says otherwise.
  public static let defaultOptions = ["--std=c++17", "--device-as-default-execution-space"]

  /// A source with what it needs.
  public init(
    name: String, text: String, headers: [Header] = [], defines: [Define] = [], nameExpressions: [String] = [],
    options: [String] = Self.defaultOptions
  ) {
    self.name = name
    self.text = text
    self.headers = headers
    self.defines = defines
    self.nameExpressions = nameExpressions
    self.options = options
  }

  /// The options for an architecture, as NVRTC gets them.
  func arguments(architecture: String) -> [String] {
    ["--gpu-architecture=\(architecture)"] + options + defines.map { "--define-macro=\($0.name)=\($0.value)" }
  }

  /// A hash of the source, its headers, options and architecture; of the compiler's version, too, where one is given.
  public func key(architecture: String, compiler: CUDAVersion?) -> String {
    var hash = SHA256()
    // Each text goes in with its length, so that no two sources give the same bytes.
    func add(_ text: String) {
      let bytes = Array(text.utf8)
      hash.update(SHA256.bigEndian(UInt64(bytes.count), 8))
      hash.update(bytes)
    }
    add("needletail kernel 1")
    add(compiler?.description ?? "")
    for list in [arguments(architecture: architecture), nameExpressions, headers.flatMap { [$0.name, $0.text] }] {
      add("\(list.count)")
      for text in list { add(text) }
    }
    add(name)
    add(text)
    return SHA256.text(hash.finish())
  }
}
