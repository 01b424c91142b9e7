/// Turns text into token ids and back, as a model's own tokenizer does.
///
///     let tokenizer = try Tokenizer.load(directory: "Demo/needle-5m")
///     let ids = tokenizer.encode("Once upon a time")
///     print(tokenizer.decode(ids))
///
/// A tokenizer may be used from any number of threads at once. Encoding remembers the words it met, so that English
/// takes some 50 ns a word; the memory for that is bounded to a few megabytes a thread.
public struct Tokenizer: Sendable {
  let pipeline: TokenizerPipeline

  init(pipeline: TokenizerPipeline) { self.pipeline = pipeline }

  /// One more than the largest token id, added tokens included.
  public var vocabularySize: Int { pipeline.idCount }

  /// The ids of a text.
  ///
  /// - Parameters:
  ///   - addSpecialTokens: puts the model's own special tokens around the text (a beginning-of-sequence token, say).
  ///   - parseSpecialTokens: recognises special tokens that are written in the text. Turn it off for text that is not
  ///     to be trusted. Added tokens that are not special are recognised either way.
  public func encode(_ text: String, addSpecialTokens: Bool = true, parseSpecialTokens: Bool = true) -> [Int32] {
    let ids = pipeline.encode(text, parseSpecialTokens: parseSpecialTokens)
    guard addSpecialTokens else { return ids }
    return pipeline.postProcessor.prefix + ids + pipeline.postProcessor.suffix
  }

  /// The text of ids; bytes that are no UTF-8 become U+FFFD, ids outside the vocabulary are left out.
  public func decode(_ ids: [Int32], skipSpecialTokens: Bool = false) -> String {
    var detokenizer = detokenizer(skipSpecialTokens: skipSpecialTokens)
    return detokenizer.decode(ids)
  }

  /// The id of a token as the vocabulary writes it ("Ġthe", "▁the", "<|end|>").
  public func id(of token: String) -> Int32? { pipeline.id(of: token) }

  /// A token as the vocabulary writes it.
  public func token(_ id: Int32) -> String? { pipeline.text(of: id).map { String(decoding: $0, as: UTF8.self) } }

  /// The bytes that a token adds within a text (not always whole UTF-8); empty outside the vocabulary.
  public func bytes(of id: Int32) -> [UInt8] {
    guard let text = pipeline.surfaces[id] ?? pipeline.text(of: id) else { return [] }
    return pipeline.decoderStages.reduce(text) { $1.bytes(of: $0) }
  }

  /// Whether the token is a special one, which `skipSpecialTokens` leaves out.
  public func isSpecial(_ id: Int32) -> Bool { pipeline.special.contains(id) }

  /// The token that begins every sequence, where the tokenizer's configuration names one.
  public var beginningOfSequence: Int32? { pipeline.beginning }

  /// The token that ends every sequence, where the tokenizer's configuration names one.
  public var endOfSequence: Int32? { pipeline.end }

  /// A decoder that takes ids one by one.
  public func detokenizer(skipSpecialTokens: Bool = true) -> Detokenizer {
    Detokenizer(pipeline: pipeline, skipSpecialTokens: skipSpecialTokens)
  }
}
