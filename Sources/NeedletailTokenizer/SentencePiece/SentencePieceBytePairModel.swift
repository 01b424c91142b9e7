/// SentencePiece's byte-pair encoding, which merges the neighbours that together are the piece of highest score.
struct SentencePieceBytePairModel: TokenModel {
  /// The pieces that may be chosen.
  private let pieces: Vocabulary
  /// The place of a piece among all scores, the highest first; equal scores share one.
  private let ranks: [UInt32]
  private let userDefined: ByteTrie
  private let unknown: Int32
  /// The ids of `<0x00>` to `<0xFF>`, where bytes stand in for unknown characters.
  private let fallbackOfByte: [Int32]?
  let cutsBeforeSpaceSymbol: Bool

  init(_ file: SentencePieceFile, userDefined: ByteTrie, unknown: Int32, fallbackOfByte: [Int32]?) throws {
    var pieces = Vocabulary(capacity: file.pieces.count)
    var ranks = [UInt32](repeating: .max, count: file.pieces.count)
    var crossesSpaceSymbol = false
    for (id, piece) in file.pieces.enumerated() {
      switch piece.kind {
      case .normal, .userDefined:
        guard pieces.id(of: piece.text) == nil else {
          throw TokenizerError("the SentencePiece model has the piece '\(piece.text)' twice")
        }
        try pieces.insert(piece.text, id: id)
        crossesSpaceSymbol = crossesSpaceSymbol || SpaceSymbol.standsAfterOther(Array(piece.text.utf8))
      case .unused: throw TokenizerError("the SentencePiece model has unused pieces, which its type does not support")
      case .unknown, .control, .byte: break
      }
    }
    var rank: UInt32 = 0
    var previous: Float?
    for id in file.pieces.indices.sorted(by: { file.pieces[$0].score > file.pieces[$1].score }) {
      if let previous, previous != file.pieces[id].score { rank += 1 }
      previous = file.pieces[id].score
      ranks[id] = rank
    }
    self.pieces = pieces
    self.ranks = ranks
    self.userDefined = userDefined
    self.unknown = unknown
    self.fallbackOfByte = fallbackOfByte
    cutsBeforeSpaceSymbol = !crossesSpaceSymbol && pieces.id(of: SpaceSymbol.bytes) != nil
  }

  private struct Rule: BytePairRule {
    let pieces: Vocabulary
    let ranks: [UInt32]
    let text: UnsafeBufferPointer<UInt8>

    @inline(__always)
    func merge(_ left: BytePairSymbol, _ right: BytePairSymbol) -> MergeTable.Merge {
      guard left.isMergeable, right.isMergeable else { return MergeTable.Merge(rank: .max, id: -1) }
      let joined = UnsafeBufferPointer(rebasing: text[Int(left.start)..<Int(right.start + right.length)])
      guard let id = pieces.id(of: joined) else { return MergeTable.Merge(rank: .max, id: -1) }
      return MergeTable.Merge(rank: ranks[Int(id)], id: id)
    }
  }

  func encode(_ piece: UnsafeBufferPointer<UInt8>, _ scratch: inout EncodingScratch, into ids: inout [Int32]) {
    scratch.merging.symbols.removeAll(keepingCapacity: true)
    var position = 0
    while position < piece.count {
      let symbol = symbol(in: piece, at: position)
      scratch.merging.symbols.append(symbol)
      position += Int(symbol.length)
    }
    scratch.merging.run(Rule(pieces: pieces, ranks: ranks, text: piece))
    var followsUnknown = false
    for symbol in scratch.merging.symbols {
      if symbol.id >= 0 {
        ids.append(symbol.id)
      } else if let fallbackOfByte {
        for byte in piece[Int(symbol.start)..<Int(symbol.start + symbol.length)] {
          ids.append(fallbackOfByte[Int(byte)])
        }
      } else if !followsUnknown {
        ids.append(unknown)
      }
      followsUnknown = symbol.id < 0
    }
  }

  private func symbol(in text: UnsafeBufferPointer<UInt8>, at position: Int) -> BytePairSymbol {
    if !userDefined.isEmpty, let found = userDefined.longestPrefix(of: text, from: position) {
      return BytePairSymbol(
        id: found.value, start: Int32(position), length: Int32(found.length), isMergeable: false)
    }
    let length = UTF8Scalar.decode(text, at: position).length
    let id = pieces.id(of: UnsafeBufferPointer(rebasing: text[position..<position + length])) ?? -1
    return BytePairSymbol(id: id, start: Int32(position), length: Int32(length))
  }
}
