import NeedletailJSON

/// Every match of a pattern gives way to a text.
struct Replacement: Sendable {
  private let pattern: SplitPattern
  let content: [UInt8]
  /// The one byte that the pattern is, where it is one; texts have many spaces to replace.
  private let byte: UInt8?

  /// Reads `{"pattern": {"String": ...} or {"Regex": ...}, "content": ...}`.
  init(json: JSON) throws {
    guard let content = json["content"]?.string else { throw TokenizerError("the tokenizer's Replace has no content") }
    self.content = Array(content.utf8)
    pattern = try SplitPattern(json: json["pattern"], of: "Replace")
    let literal = (json["pattern"]?["String"]?.string ?? json["pattern"]?.string).map { Array($0.utf8) } ?? []
    byte = literal.count == 1 ? literal[0] : nil
  }

  func apply(to text: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(text.count + text.count / 2)
    if let byte {
      for other in text { if other == byte { output += content } else { output.append(other) } }
      return output
    }
    var end = 0
    text.withUnsafeBufferPointer { text in
      pattern.forEachMatch(in: text) { match in
        output += text[end..<match.lowerBound]
        output += content
        end = match.upperBound
      }
      output += text[end...]
    }
    return output
  }
}

extension SplitPattern {
  /// Reads `{"String": ...}` or `{"Regex": ...}`.
  init(json: JSON?, of component: String) throws {
    if let literal = json?["String"]?.string ?? json?.string {
      guard !literal.isEmpty else { throw TokenizerError("the tokenizer's \(component) has an empty pattern") }
      try self.init(literal: literal)
    } else if let pattern = json?["Regex"]?.string {
      try self.init(pattern)
    } else {
      throw TokenizerError("the tokenizer's \(component) has no pattern")
    }
  }
}
