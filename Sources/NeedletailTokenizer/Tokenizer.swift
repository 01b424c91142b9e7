import NeedletailJSON

/// Turns text into token ids and back, as a model's own tokenizer does.
///
///     let tokenizer = try Tokenizer.load(directory: "Demo/needle-5m")
///     let ids = tokenizer.encode("Once upon a time")
///     print(tokenizer.decode(ids))
public struct Tokenizer: Sendable {
  /// Reads `tokenizer.json`, or `tokenizer.model` where there is none, and `tokenizer_config.json` where it exists.
  public static func load(directory: String) throws -> Tokenizer { throw TokenizerError("not written yet") }

  /// Makes a tokenizer out of the contents of `tokenizer.json` and `tokenizer_config.json`.
  public init(json: JSON, config: JSON?) throws { throw TokenizerError("not written yet") }

  /// Makes a tokenizer out of the bytes of a SentencePiece `tokenizer.model`.
  public init(sentencePieceModel: [UInt8], config: JSON?) throws { throw TokenizerError("not written yet") }

  /// One more than the largest token id, added tokens included.
  public var vocabularySize: Int { 0 }

  /// The ids of a text. Special tokens written in the text are recognised where `parseSpecialTokens` is true;
  /// `addSpecialTokens` puts the model's own ones around the text (a beginning-of-sequence token, for example).
  public func encode(_ text: String, addSpecialTokens: Bool = true, parseSpecialTokens: Bool = true) -> [Int32] { [] }

  /// The text of ids; bytes that are no UTF-8 become U+FFFD, ids outside the vocabulary are left out.
  public func decode(_ ids: [Int32], skipSpecialTokens: Bool = false) -> String { "" }

  /// The id of a token as the vocabulary writes it ("Ġthe", "▁the", "<|end|>").
  public func id(of token: String) -> Int32? { nil }

  /// A token as the vocabulary writes it.
  public func token(_ id: Int32) -> String? { nil }

  /// The bytes that a token adds to a text (not always whole UTF-8); empty outside the vocabulary.
  public func bytes(of id: Int32) -> [UInt8] { [] }

  /// Whether the token is a special one, which `skipSpecialTokens` leaves out.
  public func isSpecial(_ id: Int32) -> Bool { false }

  /// The token that begins every sequence, where the tokenizer's configuration names one.
  public var beginningOfSequence: Int32? { nil }

  /// The token that ends every sequence, where the tokenizer's configuration names one.
  public var endOfSequence: Int32? { nil }

  /// A decoder that takes ids one by one.
  public func detokenizer(skipSpecialTokens: Bool = true) -> Detokenizer { Detokenizer() }
}
