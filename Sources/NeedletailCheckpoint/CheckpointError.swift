/// Why a checkpoint or a file of a model directory cannot be used: one sentence that begins with the file's name.
///
///     do { _ = try Checkpoint(directory: "model") } catch { print(error) }
///     // model/model.safetensors: the header ends after the end of the file ...
public struct CheckpointError: Error, Equatable, CustomStringConvertible {
  /// The file or directory that is at fault, as it was given; empty where none is.
  public let path: String
  /// What is wrong, without the path.
  public let message: String

  /// Makes an error about a file or a directory.
  public init(_ path: String, _ message: String) {
    self.path = path
    self.message = message
  }

  /// "path: what is wrong"
  public var description: String { path.isEmpty ? message : "\(path): \(message)" }

  /// An error of a system call, with the system's words for `errno`.
  static func system(_ path: String, _ call: String, _ code: Int32) -> CheckpointError {
    CheckpointError(path, "\(call) failed: \(systemMessage(code))")
  }
}

/// A name from a file, quoted for a message: at most 100 characters, nothing that moves a terminal's cursor.
func quoted(_ name: String) -> String {
  let limit = 100
  var text = ""
  for (position, scalar) in name.unicodeScalars.enumerated() {
    guard position < limit else { return "'\(text)...'" }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse, .surrogate:
      text += "\\u{\(String(scalar.value, radix: 16))}"
    default: text.unicodeScalars.append(scalar)
    }
  }
  return "'\(text)'"
}

/// The first few elements of a list and how many more there are: "a, b, c and 12 more".
func summary(_ items: [String], limit: Int = 10) -> String {
  let shown = items.prefix(limit).joined(separator: ", ")
  return items.count > limit ? "\(shown) and \(items.count - limit) more" : shown
}
