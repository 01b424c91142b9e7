/// A kernel that did not compile: which, for what, where, and all the compiler said.
public struct KernelCompileError: Error, Sendable, CustomStringConvertible {
  /// The source's name.
  public let name: String
  /// The architecture it was compiled for.
  public let architecture: String
  /// The compiler's failed call.
  public let error: CUDAError
  /// All the compiler said.
  public let log: String
  /// The first error of the log: the file, its line and the message; nil where the log has none.
  public let firstError: (file: String, line: Int, message: String)?
  /// The text of that line; nil where the file is not one of the source's.
  public let sourceLine: String?

  init(_ source: KernelSource, architecture: String, error: CUDAError, log: String) {
    name = source.name
    self.architecture = architecture
    self.error = error
    self.log = log
    let first = Self.firstError(in: log)
    firstError = first
    let text = first.flatMap { first in
      first.file == source.name ? source.text : source.headers.first { $0.name == first.file }?.text
    }
    sourceLine = first.flatMap { first in
      let lines = text?.split(separator: "\n", omittingEmptySubsequences: false) ?? []
      return lines.indices.contains(first.line - 1) ? String(lines[first.line - 1]) : nil
    }
  }

  /// The first "file(line): error: message" of a log.
  static func firstError(in log: String) -> (file: String, line: Int, message: String)? {
    for line in log.split(separator: "\n") {
      for mark in ["): error: ", "): error ", "): catastrophic error: "] {
        guard let (before, message) = split(line, at: mark), let open = before.lastIndex(of: "("),
          let number = Int(before[before.index(after: open)...])
        else { continue }
        return (String(before[..<open]), number, String(message))
      }
    }
    return nil
  }

  private static func split(_ text: Substring, at mark: String) -> (Substring, Substring)? {
    var start = text.startIndex
    while start < text.endIndex {
      if text[start...].hasPrefix(mark) { return (text[..<start], text[start...].dropFirst(mark.count)) }
      start = text.index(after: start)
    }
    return nil
  }

  /// The place and message of the first error, the line it is about, and the whole log.
  public var description: String {
    var text = "compiling \(name) for \(architecture): "
    if let firstError {
      text += "\(firstError.file), line \(firstError.line): \(firstError.message)"
      if let sourceLine { text += "\n  \(sourceLine)" }
    } else {
      text += error.description
    }
    return log.isEmpty ? text : text + "\n\(log)"
  }
}
