/// SentencePiece's own normalization: replacements, spaces made symbols, extra ones removed, one put in front.
struct SentencePieceNormalizer: Sendable {
  var characterMap: CharacterMap?
  /// User-defined symbols, which are left as they are.
  var userDefined: ByteTrie
  var addsDummyPrefix: Bool
  var removesExtraSpaces: Bool
  var escapesSpaces: Bool
  var spaceIsSuffix: Bool

  func normalize(_ text: [UInt8]) -> [UInt8] {
    guard !text.isEmpty else { return [] }
    let space = escapesSpaces ? SpaceSymbol.bytes : [0x20]
    var output: [UInt8] = []
    output.reserveCapacity(text.count + text.count / 2)
    text.withUnsafeBufferPointer { text in
      var position = 0
      while removesExtraSpaces, position < text.count {
        let (length, replaced) = next(in: text, at: position)
        guard replaced.elementsEqual([0x20]) else { break }
        position += length
      }
      guard position < text.count else { return }
      if addsDummyPrefix, !spaceIsSuffix { output += space }
      var followsSpace = removesExtraSpaces
      while position < text.count {
        var (length, replaced) = next(in: text, at: position)
        while followsSpace, replaced.first == 0x20 { replaced = replaced.dropFirst() }
        if !replaced.isEmpty {
          for byte in replaced { if byte == 0x20 { output += space } else { output.append(byte) } }
          followsSpace = replaced.last == 0x20
        }
        position += length
        if !removesExtraSpaces { followsSpace = false }
      }
      while removesExtraSpaces, output.count >= space.count, output.suffix(space.count).elementsEqual(space) {
        output.removeLast(space.count)
      }
      if addsDummyPrefix, spaceIsSuffix { output += space }
    }
    return characterMap == nil ? output : UTF8Repair.repaired(output)
  }

  /// How much of the text is taken at a position, and what stands for it.
  @inline(__always)
  private func next(in text: UnsafeBufferPointer<UInt8>, at position: Int) -> (Int, ArraySlice<UInt8>) {
    if !userDefined.isEmpty, let symbol = userDefined.longestPrefix(of: text, from: position) {
      return (symbol.length, Array(text[position..<position + symbol.length])[...])
    }
    if let found = characterMap?.longest(in: text, from: position) { return found }
    let length = UTF8Scalar.decode(text, at: position).length
    return (length, Array(text[position..<position + length])[...])
  }
}
