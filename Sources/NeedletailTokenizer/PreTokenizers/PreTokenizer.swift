/// What cuts a normalized text into the pieces that the model sees one by one.
indirect enum PreTokenizer: Sendable {
  case split(SplitPattern, SplitBehavior, isInverted: Bool)
  case characters(ScalarSet, SplitBehavior)
  case byteLevel(addsPrefixSpace: Bool, SplitPattern?)
  case metaspace(Metaspace)
  case sequence([PreTokenizer])

  /// Whether pieces come to stand for raw bytes.
  var isByteLevel: Bool {
    switch self {
    case .byteLevel: true
    case .sequence(let parts): parts.contains(where: \.isByteLevel)
    default: false
    }
  }

  /// The parts in order, sequences within sequences resolved.
  var flattened: [PreTokenizer] {
    if case .sequence(let parts) = self { parts.flatMap(\.flattened) } else { [self] }
  }

  /// Cuts a text. The last of the parts says so, because a byte-level one need not rewrite the text for a model that
  /// takes raw bytes.
  func apply(to text: inout PreTokenizedText, isLast: Bool) {
    switch self {
    case .split(let pattern, let behavior, let isInverted):
      text.split(behavior, isInverted: isInverted) { pattern.forEachMatch(in: $0, $1) }
    case .characters(let set, let behavior): text.split(at: set, behavior)
    case .byteLevel(let addsPrefixSpace, let pattern):
      if addsPrefixSpace { Self.addPrefixSpace(to: &text) }
      if let pattern { text.split(.isolated) { pattern.forEachMatch(in: $0, $1) } }
      if !isLast { Self.standForBytes(&text) }
    case .metaspace(let metaspace): metaspace.apply(to: &text)
    case .sequence(let parts):
      for (index, part) in parts.enumerated() { part.apply(to: &text, isLast: isLast && index == parts.count - 1) }
    }
  }

  private static func addPrefixSpace(to text: inout PreTokenizedText) {
    guard text.pieces.contains(where: { text.bytes[$0.lowerBound] != 0x20 }) else { return }
    text.rewrite { piece, _, output in
      if piece.first != 0x20 { output.append(0x20) }
      output += piece
    }
  }

  private static func standForBytes(_ text: inout PreTokenizedText) {
    text.rewrite { piece, _, output in for byte in piece { ByteLevelAlphabet.append(byte, to: &output) } }
    text.isByteLevel = true
  }
}

/// Writes spaces as a symbol and cuts before it, as SentencePiece does.
struct Metaspace: Sendable {
  enum PrependScheme: String, Sendable {
    case always, first, never
  }

  var replacement: [UInt8]
  var scheme: PrependScheme
  var splits: Bool

  func apply(to text: inout PreTokenizedText) {
    let isAtStart = text.isAtStart
    text.rewrite { piece, start, output in
      let startsWithSymbol = piece.first == 0x20 || piece.starts(with: replacement)
      let isWanted = scheme == .always || scheme == .first && isAtStart && start == 0
      if isWanted, !startsWithSymbol { output += replacement }
      for byte in piece { if byte == 0x20 { output += replacement } else { output.append(byte) } }
    }
    guard splits else { return }
    text.split(.mergedWithNext) { text, found in
      var position = 0
      while position + replacement.count <= text.count {
        if text[position] == replacement[0], text[position...].starts(with: replacement) {
          found(position..<position + replacement.count)
          position += replacement.count
        } else {
          position += 1
        }
      }
    }
  }
}
