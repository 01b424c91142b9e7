import NeedletailJSON

/// One step of the way from tokens to text.
enum DecoderStage: Sendable {
  /// Characters that stand for bytes become those bytes; everything becomes one text.
  case byteLevel
  /// Runs of tokens like `<0xE2>` become the characters that their bytes spell.
  case byteFallback
  /// Everything becomes one text.
  case fuse
  case strip(character: [UInt8], start: Int, stop: Int)
  case replace(Replacement)
  /// The symbol becomes a space; in the first token it is left out where a space was prepended.
  case metaspace(symbol: [UInt8], dropsFirst: Bool)
  /// A suffix that ends words becomes a space, in the last token nothing.
  case wordEnd(suffix: [UInt8])
  case joinWithSpaces
  case sentencePiece(dropsFirstSpace: Bool, dropsAllFirstSpaces: Bool)

  /// Reads the `decoder` of a tokenizer.json, or its absence, which joins tokens with spaces.
  static func stages(json: JSON?, depth: Int = 0) throws -> [DecoderStage] {
    guard let json, !json.isNull else { return [.joinWithSpaces] }
    let type = json["type"]?.string ?? ""
    switch type {
    case "ByteLevel": return [.byteLevel]
    case "ByteFallback": return [.byteFallback]
    case "Fuse": return [.fuse]
    case "Strip":
      guard let content = json["content"]?.string, content.unicodeScalars.count == 1 else {
        throw TokenizerError("the content of the tokenizer's Strip decoder is not one character")
      }
      return [
        .strip(character: Array(content.utf8), start: json["start"]?.int ?? 0, stop: json["stop"]?.int ?? 0)
      ]
    case "Replace": return [.replace(try Replacement(json: json))]
    case "Metaspace":
      let metaspace = try Metaspace(json: json)
      return [.metaspace(symbol: metaspace.replacement, dropsFirst: metaspace.scheme != .never)]
    case "BPEDecoder":
      let suffix = Array((json["suffix"]?.string ?? "</w>").utf8)
      guard !suffix.isEmpty else { throw TokenizerError("the tokenizer's BPEDecoder has an empty suffix") }
      return [.wordEnd(suffix: suffix)]
    case "Sequence":
      guard depth < 16 else { throw TokenizerError("the tokenizer's decoders are nested too deep") }
      return try (json["decoders"]?.array ?? []).flatMap { try stages(json: $0, depth: depth + 1) }
    default: throw TokenizerError("the tokenizer has an unknown decoder '\(type)'")
    }
  }

  var isFusing: Bool {
    switch self {
    case .byteLevel, .fuse: true
    default: false
    }
  }
}

/// Byte strings within byte strings.
enum ByteText {
  /// The text with every occurrence of a part replaced.
  static func replacing(_ part: [UInt8], in text: [UInt8], with content: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    var position = 0
    while position < text.count {
      if text[position] == part[0], text[position...].starts(with: part) {
        output += content
        position += part.count
      } else {
        output.append(text[position])
        position += 1
      }
    }
    return output
  }

  /// The text without up to a number of occurrences of a character at its start and its end.
  static func stripping(_ character: [UInt8], start: Int, stop: Int, from text: [UInt8]) -> [UInt8] {
    var rest = text[...]
    var count = 0
    while count < start, rest.starts(with: character) {
      rest = rest.dropFirst(character.count)
      count += 1
    }
    count = 0
    while count < stop, rest.count >= character.count, rest.suffix(character.count).elementsEqual(character) {
      rest = rest.dropLast(character.count)
      count += 1
    }
    return Array(rest)
  }

  /// The length of the longest prefix that does not end within a character that could still become whole.
  static func completeLength(_ bytes: [UInt8]) -> Int {
    for back in 1...3 where back <= bytes.count {
      let byte = bytes[bytes.count - back]
      if byte < 0x80 { return bytes.count }
      if byte & 0xC0 == 0x80 { continue }
      let tail = bytes[(bytes.count - back)...]
      return isIncomplete(Array(tail)) ? bytes.count - back : bytes.count
    }
    return bytes.count
  }

  /// Whether bytes, of which the first leads a character, are the beginning of one and not all of it.
  static func isIncomplete(_ bytes: [UInt8]) -> Bool {
    let needed: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch bytes[0] {
    case 0xC2...0xDF: needed = 2
    case 0xE0...0xEF:
      needed = 3
      if bytes[0] == 0xE0 { second = 0xA0...0xBF }
      if bytes[0] == 0xED { second = 0x80...0x9F }
    case 0xF0...0xF4:
      needed = 4
      if bytes[0] == 0xF0 { second = 0x90...0xBF }
      if bytes[0] == 0xF4 { second = 0x80...0x8F }
    default: return false
    }
    guard bytes.count < needed else { return false }
    return bytes.count < 2 || second.contains(bytes[1]) && bytes.dropFirst(2).allSatisfy { $0 & 0xC0 == 0x80 }
  }
}

extension DecoderStage {
  /// What the stage makes of a token that stands within a text.
  func bytes(of token: [UInt8]) -> [UInt8] {
    switch self {
    case .byteLevel: token.withUnsafeBufferPointer { ByteLevelAlphabet.decode($0) } ?? token
    case .byteFallback: ByteFallback.byte(of: token).map { [$0] } ?? token
    case .replace(let replacement): replacement.apply(to: token)
    case .metaspace(let symbol, _): ByteText.replacing(symbol, in: token, with: [0x20])
    case .wordEnd(let suffix): ByteText.replacing(suffix, in: token, with: [0x20])
    case .sentencePiece:
      ByteFallback.byte(of: token).map { [$0] } ?? ByteText.replacing(SpaceSymbol.bytes, in: token, with: [0x20])
    case .fuse, .strip, .joinWithSpaces: token
    }
  }
}
