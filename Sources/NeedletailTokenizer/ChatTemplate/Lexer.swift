extension Jinja {
  /// Splits a source into tokens as Jinja's lexer does with `trim_blocks` and `lstrip_blocks`: one newline after a block
  /// tag is dropped, and so is the blank space before a block tag that starts its line.
  struct Lexer {
    let source: [Unicode.Scalar]
    var position = 0
    var line = 1
    var tokens: [LocatedToken] = []
    private var startsLine = true

    static let operators: [String] = [
      "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=",
      ".",
      ":", "|", ",", ";",
    ]

    /// Reads a source; line ends become "\n" and one at the very end is dropped, as in Jinja.
    init(_ text: String) {
      var scalars: [Unicode.Scalar] = []
      scalars.reserveCapacity(text.utf8.count)
      var afterReturn = false
      for scalar in text.unicodeScalars {
        if scalar == "\r" {
          scalars.append("\n")
        } else if !(scalar == "\n" && afterReturn) {
          scalars.append(scalar)
        }
        afterReturn = scalar == "\r"
      }
      if scalars.last == "\n" { scalars.removeLast() }
      source = scalars
    }

    /// All tokens, `.end` last.
    static func tokens(of text: String) throws -> [LocatedToken] {
      var lexer = Lexer(text)
      while lexer.position < lexer.source.count { try lexer.root() }
      lexer.add(.end)
      return lexer.tokens
    }

    func error(_ message: String) -> ChatTemplateError { ChatTemplateError(.syntax, line: line, message) }

    mutating func add(_ token: Token) { tokens.append(LocatedToken(token: token, line: line)) }

    func starts(with text: StaticString, at offset: Int) -> Bool {
      let count = text.utf8CodeUnitCount
      guard offset + count <= source.count else { return false }
      return (0..<count).allSatisfy { source[offset + $0].value == UInt32(text.utf8Start[$0]) }
    }

    func skippingSpace(_ start: Int) -> Int {
      var end = start
      while end < source.count, source[end].isPythonSpace { end += 1 }
      return end
    }

    /// Moves on to `end`, counting lines.
    mutating func advance(to end: Int) {
      for scalar in source[position..<end] where scalar == "\n" { line += 1 }
      if end > position { startsLine = source[end - 1] == "\n" }
      position = end
    }

    // MARK: Text

    /// Reads text up to the next tag, and the tag.
    private mutating func root() throws {
      var tag = position
      while tag < source.count, !isTag(at: tag) { tag += 1 }
      guard tag < source.count else {
        add(.data(text(position..<tag)))
        return advance(to: tag)
      }
      let opening = source[tag + 1]
      var sign: Unicode.Scalar?
      if tag + 2 < source.count, source[tag + 2] == "-" || source[tag + 2] == "+" { sign = source[tag + 2] }
      addData(position..<tag, sign: sign, isVariable: opening == "{")
      advance(to: tag)
      if opening == "%", let end = rawBegin(after: tag + 2) {
        advance(to: end)
        return try raw()
      }
      advance(to: tag + 2 + (sign == nil ? 0 : 1))
      switch opening {
      case "#": try comment()
      case "{":
        add(.variableBegin)
        try expression(isBlock: false)
      default:
        add(.blockBegin)
        try expression(isBlock: true)
      }
    }

    private func isTag(at offset: Int) -> Bool {
      guard source[offset] == "{", offset + 1 < source.count else { return false }
      let next = source[offset + 1]
      return next == "%" || next == "{" || next == "#"
    }

    private func text(_ range: Range<Int>) -> String {
      var text = String.UnicodeScalarView()
      text.append(contentsOf: source[range])
      return String(text)
    }

    private mutating func addData(_ range: Range<Int>, sign: Unicode.Scalar?, isVariable: Bool) {
      var end = range.upperBound
      if sign == "-" {
        while end > range.lowerBound, source[end - 1].isPythonSpace { end -= 1 }
      } else if sign == nil, !isVariable {
        var lineStart = end
        while lineStart > range.lowerBound, source[lineStart - 1] != "\n" { lineStart -= 1 }
        let isBlank = source[lineStart..<end].allSatisfy { $0.isPythonSpace }
        if isBlank, lineStart > range.lowerBound || startsLine { end = lineStart }
      }
      if end > range.lowerBound { add(.data(text(range.lowerBound..<end))) }
    }

    // MARK: Comments and raw text

    /// The end of a closing tag at an offset: `-%}` with the space after it, `+%}`, or `%}` with one newline.
    private func closing(_ text: StaticString, at offset: Int) -> Int? {
      if offset < source.count, source[offset] == "-", starts(with: text, at: offset + 1) {
        return skippingSpace(offset + 3)
      }
      if offset < source.count, source[offset] == "+", starts(with: text, at: offset + 1) { return offset + 3 }
      guard starts(with: text, at: offset) else { return nil }
      let end = offset + 2
      return end < source.count && source[end] == "\n" ? end + 1 : end
    }

    private mutating func comment() throws {
      // Jinja takes a comment or a raw block that opens at the very end of the source for an empty one.
      if position == source.count { return }
      for offset in position..<source.count {
        if let end = closing("#}", at: offset) { return advance(to: end) }
      }
      throw error("A comment has no end: '#}' is missing.")
    }

    /// Where the text of a raw block starts whose tag's inside starts at an offset.
    private func rawBegin(after offset: Int) -> Int? {
      var offset = offset
      if offset < source.count, source[offset] == "-" || source[offset] == "+" { offset += 1 }
      offset = skippingSpace(offset)
      guard starts(with: "raw", at: offset) else { return nil }
      offset = skippingSpace(offset + 3)
      if starts(with: "-%}", at: offset) { return skippingSpace(offset + 3) }
      return starts(with: "%}", at: offset) ? offset + 2 : nil
    }

    private mutating func raw() throws {
      if position == source.count { return }
      for tag in position..<source.count where starts(with: "{%", at: tag) {
        var offset = tag + 2
        var sign: Unicode.Scalar?
        if offset < source.count, source[offset] == "-" || source[offset] == "+" {
          sign = source[offset]
          offset += 1
        }
        offset = skippingSpace(offset)
        guard starts(with: "endraw", at: offset) else { continue }
        guard let end = closing("%}", at: skippingSpace(offset + 6)) else { continue }
        addData(position..<tag, sign: sign, isVariable: false)
        return advance(to: end)
      }
      throw error("A raw block has no end: 'endraw' is missing.")
    }

    // MARK: Tags

    /// Reads the inside of a tag and its end.
    private mutating func expression(isBlock: Bool) throws {
      var open: [String] = []
      while position < source.count {
        if open.isEmpty, let end = tagEnd(isBlock: isBlock) {
          add(isBlock ? .blockEnd : .variableEnd)
          return advance(to: end)
        }
        let scalar = source[position]
        if scalar.isPythonSpace {
          advance(to: skippingSpace(position))
        } else if scalar.isDigit {
          try number()
        } else if scalar.isWord {
          var end = position
          while end < source.count, source[end].isWord { end += 1 }
          add(.name(text(position..<end)))
          advance(to: end)
        } else if scalar == "'" || scalar == "\"" {
          try string(quote: scalar)
        } else {
          try symbol(&open)
        }
      }
      throw error("A tag has no end: \(isBlock ? "'%}'" : "'}}'") is missing.")
    }

    private func tagEnd(isBlock: Bool) -> Int? {
      if isBlock { return closing("%}", at: position) }
      if starts(with: "-}}", at: position) { return skippingSpace(position + 3) }
      return starts(with: "}}", at: position) ? position + 2 : nil
    }

    private mutating func symbol(_ open: inout [String]) throws {
      guard
        let symbol = Self.operators.first(where: { candidate in
          candidate.unicodeScalars.enumerated().allSatisfy { offset, scalar in
            position + offset < source.count && source[position + offset] == scalar
          }
        })
      else { throw error("The character '\(source[position])' has no place in a tag.") }
      switch symbol {
      case "(": open.append(")")
      case "[": open.append("]")
      case "{": open.append("}")
      case ")", "]", "}":
        guard let expected = open.popLast() else { throw error("'\(symbol)' closes nothing.") }
        guard expected == symbol else { throw error("'\(symbol)' stands where '\(expected)' is expected.") }
      default: break
      }
      add(.symbol(symbol))
      advance(to: position + symbol.utf8.count)
    }
  }
}
