/// Why a tokenizer cannot be read: one sentence that names the file's part at fault.
public struct TokenizerError: Error, Equatable, CustomStringConvertible {
  /// The sentence, without a full stop.
  public let description: String
  /// Makes an error out of its sentence.
  public init(_ description: String) { self.description = description }
}
