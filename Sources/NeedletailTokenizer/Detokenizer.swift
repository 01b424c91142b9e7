/// Turns ids into text one by one and gives out whole characters only.
///
/// The pieces together are exactly `Tokenizer.decode` of all the ids.
///
///     var detokenizer = tokenizer.detokenizer()
///     for id in ids { print(detokenizer.append(id), terminator: "") }
///     print(detokenizer.finish())
public struct Detokenizer: Sendable {
  private let pipeline: TokenizerPipeline
  private let skipSpecialTokens: Bool
  private var stream: DecoderStream

  init(pipeline: TokenizerPipeline, skipSpecialTokens: Bool) {
    self.pipeline = pipeline
    self.skipSpecialTokens = skipSpecialTokens
    stream = DecoderStream(stages: pipeline.decoderStages)
  }

  /// Takes one id and gives the text that is certain by now: "" while a character is incomplete.
  ///
  /// Ids outside the vocabulary add nothing.
  public mutating func append(_ id: Int32) -> String {
    var output: [UInt8] = []
    append(id, to: &output)
    return String(decoding: output, as: UTF8.self)
  }

  /// Gives what is left; incomplete bytes become U+FFFD. The next id begins a new text.
  public mutating func finish() -> String {
    var output: [UInt8] = []
    stream.finish(&output)
    stream = DecoderStream(stages: pipeline.decoderStages)
    return String(decoding: output, as: UTF8.self)
  }

  mutating func decode(_ ids: [Int32]) -> String {
    var output: [UInt8] = []
    output.reserveCapacity(ids.count * 4)
    for id in ids { append(id, to: &output) }
    stream.finish(&output)
    return String(decoding: output, as: UTF8.self)
  }

  private mutating func append(_ id: Int32, to output: inout [UInt8]) {
    if skipSpecialTokens, pipeline.special.contains(id) { return }
    guard let text = pipeline.surfaces[id] ?? pipeline.text(of: id) else { return }
    stream.append(text, to: &output)
  }
}
