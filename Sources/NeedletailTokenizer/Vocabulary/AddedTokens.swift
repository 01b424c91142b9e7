import NeedletailJSON

/// Tokens that are recognised in the text itself, before the model sees it.
struct AddedTokens: Sendable {
  struct Token: Sendable {
    var id: Int32
    var content: String
    var isSpecial: Bool
    /// Only as a word of its own.
    var isSingleWord = false
    /// Takes the white space before it along.
    var stripsLeft = false
    /// Takes the white space after it along.
    var stripsRight = false
    /// Looked for in the normalized text.
    var isNormalized = false
  }

  private(set) var tokens: [Token] = []
  private var indexOfID: [Int32: Int] = [:]
  private var raw = ByteTrie()
  private var normalized = ByteTrie()

  init() {}

  /// Reads the `added_tokens` of a tokenizer.json; `normalize` is the tokenizer's own normalizer.
  init(json: JSON?, normalize: ([UInt8]) -> [UInt8]) throws {
    for entry in json?.array ?? [] {
      guard let id = entry["id"]?.int, let content = entry["content"]?.string else {
        throw TokenizerError("an entry of the tokenizer's added_tokens has no id or no content")
      }
      guard id >= 0, id < Vocabulary.maximumID else { throw TokenizerError("an added token has the id \(id)") }
      add(
        Token(
          id: Int32(id), content: content, isSpecial: entry["special"]?.bool ?? false,
          isSingleWord: entry["single_word"]?.bool ?? false, stripsLeft: entry["lstrip"]?.bool ?? false,
          stripsRight: entry["rstrip"]?.bool ?? false, isNormalized: entry["normalized"]?.bool ?? false),
        normalize: normalize)
    }
  }

  mutating func add(_ token: Token, normalize: ([UInt8]) -> [UInt8]) {
    let index = tokens.count
    tokens.append(token)
    indexOfID[token.id] = index
    guard !token.content.isEmpty else { return }
    if token.isNormalized {
      normalized.insert(normalize(Array(token.content.utf8)), value: Int32(index))
    } else {
      raw.insert(token.content.utf8, value: Int32(index))
    }
  }

  /// The added token of an id.
  func token(of id: Int32) -> Token? { indexOfID[id].map { tokens[$0] } }

  /// One more than the largest id.
  var idCount: Int { tokens.reduce(0) { max($0, Int($1.id) + 1) } }

  enum Section: Equatable {
    case text(Range<Int>)
    case token(Int32)
  }

  /// Cuts a text at the added tokens in it: the longest at the leftmost place first.
  func sections(
    of text: UnsafeBufferPointer<UInt8>, inNormalizedText: Bool, parseSpecialTokens: Bool
  ) -> [Section] {
    let trie = inNormalizedText ? normalized : raw
    var sections: [Section] = []
    var open = 0
    var position = 0
    while !trie.isEmpty, position < text.count {
      guard trie.firstBytes.contains(text[position]), let found = trie.longestPrefix(of: text, from: position) else {
        position += 1
        continue
      }
      let token = tokens[Int(found.value)]
      var (start, end) = (position, position + found.length)
      position = end
      if token.isSpecial, !parseSpecialTokens { continue }
      if token.isSingleWord, Self.isWord(before: start, text) || Self.isWord(at: end, text) { continue }
      if token.stripsLeft { start = max(Self.spaceStart(before: start, text), open) }
      if token.stripsRight { end = Self.spaceEnd(from: end, text) }
      if open < start { sections.append(.text(open..<start)) }
      sections.append(.token(token.id))
      (open, position) = (end, end)
    }
    if open < text.count { sections.append(.text(open..<text.count)) }
    return sections
  }

  private static let word = ScalarSet(.unicodeWord)
  private static let space = ScalarSet(.space)

  private static func isWord(at position: Int, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
    position < text.count && word.contains(UTF8Scalar.decode(text, at: position).scalar)
  }

  private static func isWord(before position: Int, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
    position > 0 && isWord(at: scalarStart(before: position, text), text)
  }

  private static func scalarStart(before position: Int, _ text: UnsafeBufferPointer<UInt8>) -> Int {
    var start = position - 1
    while start > 0, text[start] & 0xC0 == 0x80 { start -= 1 }
    return start
  }

  private static func spaceStart(before position: Int, _ text: UnsafeBufferPointer<UInt8>) -> Int {
    var start = position
    while start > 0 {
      let previous = scalarStart(before: start, text)
      guard space.contains(UTF8Scalar.decode(text, at: previous).scalar) else { break }
      start = previous
    }
    return start
  }

  private static func spaceEnd(from position: Int, _ text: UnsafeBufferPointer<UInt8>) -> Int {
    var end = position
    while end < text.count {
      let (scalar, length) = UTF8Scalar.decode(text, at: end)
      guard space.contains(scalar) else { break }
      end += length
    }
    return end
  }
}
