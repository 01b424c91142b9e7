/// A compiled regular expression, matched by bounded backtracking over UTF-8.
///
/// It knows what the patterns of published tokenizers use: alternatives, groups, classes with Unicode properties,
/// greedy, lazy and possessive repetition, look ahead, look behind at one character, `(?i)` and anchors, all as
/// Oniguruma reads them.
struct SplitPattern: Sendable {
  let program: PatternProgram

  /// Compiles a pattern; throws on a construct that it does not know.
  init(_ pattern: String) throws {
    program = try PatternProgram(try PatternParser.parse(pattern))
  }

  /// A pattern made from its parsed form.
  init(node: PatternNode) throws { program = try PatternProgram(node) }

  /// A pattern that matches a text literally.
  init(literal: String) throws {
    program = try PatternProgram(.sequence(literal.unicodeScalars.map { .scalar($0) }))
  }

  /// Gives every match in a text, from left to right, without overlap.
  ///
  /// Work is bounded to some thousand steps a byte; where a hostile text exhausts it, the rest has no match.
  func forEachMatch(in text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void) {
    var matcher = PatternMatcher(program: program, text: text)
    var position = 0
    while position <= text.count {
      guard let start = matcher.skip(from: position) else { return }
      if let end = matcher.match(at: start) {
        body(start..<end)
        position = end > start ? end : matcher.after(start)
      } else {
        if matcher.isExhausted { return }
        position = matcher.after(start)
      }
    }
  }
}
