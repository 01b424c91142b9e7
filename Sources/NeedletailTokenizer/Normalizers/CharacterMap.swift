/// A SentencePiece `precompiled_charsmap`: a double-array trie (darts-clone) from texts to their replacements.
struct CharacterMap: Sendable {
  private let units: [UInt32]
  private let replacements: [UInt8]

  /// Reads the size of the trie (32 bits), the trie and the replacements, each of which ends with a zero.
  init(bytes: [UInt8]) throws {
    guard bytes.count >= 4 else { throw TokenizerError("the tokenizer's precompiled_charsmap is cut short") }
    let size = (0..<4).reduce(0) { $0 | Int(bytes[$1]) << ($1 * 8) }
    guard size % 4 == 0, size <= bytes.count - 4 else {
      throw TokenizerError("the tokenizer's precompiled_charsmap has a trie of \(size) bytes in \(bytes.count)")
    }
    units = stride(from: 4, to: 4 + size, by: 4).map { start in
      (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << UInt32($1 * 8) }
    }
    replacements = Array(bytes[(4 + size)...])
  }

  /// Gives the length and the replacement's place of every entry at a position of the text, the shortest first.
  private func forEachMatch(
    in text: UnsafeBufferPointer<UInt8>, from start: Int, _ body: (_ length: Int, _ place: Int) -> Bool
  ) {
    guard let root = units.first else { return }
    var node = Self.offset(root)
    for position in start..<text.count {
      let byte = UInt32(text[position])
      node ^= byte
      guard byte != 0, Int(node) < units.count, units[Int(node)] & 0x8000_00FF == byte else { return }
      let unit = units[Int(node)]
      node ^= Self.offset(unit)
      guard unit >> 8 & 1 == 1 else { continue }
      guard Int(node) < units.count else { return }
      guard body(position + 1 - start, Int(units[Int(node)] & 0x7FFF_FFFF)) else { return }
    }
  }

  private static func offset(_ unit: UInt32) -> UInt32 { (unit >> 10) << ((unit & 0x200) >> 6) }

  private func replacement(at place: Int) -> ArraySlice<UInt8> {
    guard place < replacements.count else { return [] }
    return replacements[place...].prefix { $0 != 0 }
  }

  /// The replacement of the longest entry at a position, as SentencePiece looks it up.
  func longest(in text: UnsafeBufferPointer<UInt8>, from start: Int) -> (length: Int, text: ArraySlice<UInt8>)? {
    var found: (length: Int, place: Int)?
    forEachMatch(in: text, from: start) {
      found = ($0, $1)
      return true
    }
    return found.map { ($0.length, replacement(at: $0.place)) }
  }

  /// The replacement of the shortest entry that a chunk begins with, which is what Hugging Face's library takes for
  /// the whole chunk.
  private func shortest(of chunk: UnsafeBufferPointer<UInt8>) -> ArraySlice<UInt8>? {
    var found: Int?
    forEachMatch(in: chunk, from: 0) { _, place in
      found = place
      return false
    }
    return found.map { replacement(at: $0) }
  }

  /// Normalizes as Hugging Face's library does: user-perceived characters of fewer than 6 bytes as a whole, where an
  /// entry begins them, others scalar by scalar.
  func normalize(_ text: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(text.count)
    for character in String(decoding: text, as: UTF8.self) {
      var cluster = String(character)
      cluster.withUTF8 { cluster in
        if cluster.count < 6, let replacement = shortest(of: cluster) {
          output += replacement
          return
        }
        var position = 0
        while position < cluster.count {
          let length = UTF8Scalar.decode(cluster, at: position).length
          let part = UnsafeBufferPointer(rebasing: cluster[position..<position + length])
          if let replacement = shortest(of: part) { output += replacement } else { output += part }
          position += length
        }
      }
    }
    return UTF8Repair.repaired(output)
  }
}

/// Bytes from a hostile file may cut a character; what follows relies on whole ones.
enum UTF8Repair {
  static func repaired(_ bytes: [UInt8]) -> [UInt8] {
    bytes.allSatisfy { $0 < 0x80 } ? bytes : Array(String(decoding: bytes, as: UTF8.self).utf8)
  }
}

/// Base64, in which tokenizer.json carries the map.
enum Base64 {
  static func decode(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count / 4 * 3)
    var bits: UInt32 = 0
    var count = 0
    for character in text.utf8 where character != UInt8(ascii: "=") && character != 0x0A {
      let value: UInt8
      switch character {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = character - 65
      case UInt8(ascii: "a")...UInt8(ascii: "z"): value = character - 97 + 26
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = character - 48 + 52
      case UInt8(ascii: "+"): value = 62
      case UInt8(ascii: "/"): value = 63
      default: return nil
      }
      bits = bits << 6 | UInt32(value)
      count += 6
      if count >= 8 {
        count -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return bytes
  }
}
