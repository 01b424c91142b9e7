/// Why a chat template could not be read or rendered.
public struct ChatTemplateError: Error, Equatable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Kind: Sendable, Equatable {
    /// The source is not a template.
    case syntax
    /// The template called `raise_exception`: the conversation is not one that the model takes.
    case raised
    /// An operation failed, as it would in Python.
    case runtime
    /// A limit on steps, size or depth was reached.
    case limit
  }

  /// What kind of failure it is.
  public let kind: Kind
  /// The line of the template, from 1, where it is known.
  public var line: Int?
  /// What is wrong, in one sentence.
  public let message: String

  /// Makes an error.
  public init(_ kind: Kind, line: Int? = nil, _ message: String) {
    self.kind = kind
    self.line = line
    self.message = message
  }

  /// "chat template, line 3: 'foo' is undefined"
  public var description: String {
    if let line { "chat template, line \(line): \(message)" } else { "chat template: \(message)" }
  }
}
