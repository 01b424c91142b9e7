/// Byte-pair encoding with ranked merges, as tokenizer.json describes it.
///
/// Words are either text, whose characters are looked up in the vocabulary, or raw bytes, each of which is looked up
/// as the character that stands for it in `ByteLevelAlphabet`.
struct BytePairModel: TokenModel, BytePairRule {
  let vocabulary: Vocabulary
  let merges: MergeTable
  let takesRawBytes: Bool
  var unknown: Int32?
  var fusesUnknown = false
  var hasByteFallback = false
  /// Whole words that are in the vocabulary are not merged from their characters.
  var ignoresMerges = false
  /// Stands before every character but a word's first.
  var continuingPrefix: [UInt8] = []
  /// Stands after a word's last character.
  var endSuffix: [UInt8] = []
  var cutsBeforeSpaceSymbol = false
  /// The ids of single raw bytes, or -1.
  let idOfByte: [Int32]
  /// The ids of `<0x00>` to `<0xFF>`, or -1.
  let fallbackOfByte: [Int32]

  init(vocabulary: Vocabulary, merges: MergeTable, takesRawBytes: Bool) {
    self.vocabulary = vocabulary
    self.merges = merges
    self.takesRawBytes = takesRawBytes
    idOfByte = (0..<256).map { vocabulary.id(of: ByteLevelAlphabet.encoded(UInt8($0))) ?? -1 }
    fallbackOfByte = (0..<256).map { vocabulary.id(of: ByteFallback.token(for: UInt8($0))) ?? -1 }
  }

  @inline(__always)
  func merge(_ left: BytePairSymbol, _ right: BytePairSymbol) -> MergeTable.Merge {
    merges.merge(left.id, right.id)
  }

  func encode(_ piece: UnsafeBufferPointer<UInt8>, _ scratch: inout EncodingScratch, into ids: inout [Int32]) {
    if ignoresMerges, let id = wholeWord(piece, &scratch.text) {
      ids.append(id)
      return
    }
    scratch.merging.symbols.removeAll(keepingCapacity: true)
    addCharacters(of: piece, to: &scratch.merging.symbols, &scratch.text)
    scratch.merging.run(self)
    for symbol in scratch.merging.symbols { ids.append(symbol.id) }
  }

  private func wholeWord(_ piece: UnsafeBufferPointer<UInt8>, _ scratch: inout [UInt8]) -> Int32? {
    guard takesRawBytes else { return vocabulary.id(of: piece) }
    scratch.removeAll(keepingCapacity: true)
    for byte in piece { ByteLevelAlphabet.append(byte, to: &scratch) }
    return vocabulary.id(of: scratch)
  }

  private func addCharacters(
    of piece: UnsafeBufferPointer<UInt8>, to symbols: inout [BytePairSymbol], _ scratch: inout [UInt8]
  ) {
    var position = 0
    var pendingUnknown: BytePairSymbol?
    while position < piece.count {
      let length = takesRawBytes ? 1 : UTF8Scalar.decode(piece, at: position).length
      let end = position + length
      let character = UnsafeBufferPointer(rebasing: piece[position..<end])
      let id = self.id(of: character, isFirst: position == 0, isLast: end == piece.count, &scratch)
      let symbol = BytePairSymbol(id: id, start: Int32(position), length: Int32(length))
      if id >= 0 {
        if let unknown = pendingUnknown { symbols.append(unknown) }
        pendingUnknown = nil
        symbols.append(symbol)
      } else if let bytes = fallback(scratch) {
        symbols += bytes.map { BytePairSymbol(id: $0, start: Int32(position), length: 1) }
      } else if let unknown {
        if let pending = pendingUnknown, !fusesUnknown { symbols.append(pending) }
        pendingUnknown = BytePairSymbol(id: unknown, start: Int32(position), length: Int32(length))
      }
      position = end
    }
    if let unknown = pendingUnknown { symbols.append(unknown) }
  }

  /// The id of a character, or -1, in which case `scratch` holds its text.
  @inline(__always)
  private func id(
    of character: UnsafeBufferPointer<UInt8>, isFirst: Bool, isLast: Bool, _ scratch: inout [UInt8]
  ) -> Int32 {
    let isPlain = (isFirst || continuingPrefix.isEmpty) && (!isLast || endSuffix.isEmpty)
    if isPlain, takesRawBytes, idOfByte[Int(character[0])] >= 0 { return idOfByte[Int(character[0])] }
    if isPlain, !takesRawBytes, let id = vocabulary.id(of: character) { return id }
    scratch.removeAll(keepingCapacity: true)
    if !isFirst { scratch += continuingPrefix }
    for byte in character {
      if takesRawBytes { ByteLevelAlphabet.append(byte, to: &scratch) } else { scratch.append(byte) }
    }
    if isLast { scratch += endSuffix }
    return vocabulary.id(of: scratch) ?? -1
  }

  private func fallback(_ text: [UInt8]) -> [Int32]? {
    guard hasByteFallback else { return nil }
    let ids = text.map { fallbackOfByte[Int($0)] }
    return ids.contains(-1) ? nil : ids
  }
}

/// The tokens that stand for one byte each, `<0x00>` to `<0xFF>`.
enum ByteFallback {
  private static let digits = Array("0123456789ABCDEF".utf8)

  static func token(for byte: UInt8) -> [UInt8] {
    Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)], UInt8(ascii: ">")]
  }

  /// The byte that a token stands for.
  static func byte(of token: some RandomAccessCollection<UInt8>) -> UInt8? {
    guard token.count == 6, token.starts(with: "<0x".utf8), token.last == UInt8(ascii: ">") else { return nil }
    let digits = token.dropFirst(3).prefix(2).map { Character(Unicode.Scalar($0)).hexDigitValue }
    guard let high = digits.first ?? nil, let low = digits.last ?? nil else { return nil }
    return UInt8(high << 4 | low)
  }
}
