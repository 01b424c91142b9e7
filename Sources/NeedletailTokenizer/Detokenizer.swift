/// Turns ids into text one by one and gives out whole characters only.
///
/// The pieces together are exactly `Tokenizer.decode` of all the ids.
///
///     var detokenizer = tokenizer.detokenizer()
///     for id in ids { print(detokenizer.append(id), terminator: "") }
///     print(detokenizer.finish())
public struct Detokenizer: Sendable {
  /// Takes one id and gives the text that is certain by now: "" while a character is incomplete.
  public mutating func append(_ id: Int32) -> String { "" }

  /// Gives what is left; incomplete bytes become U+FFFD.
  public mutating func finish() -> String { "" }
}
