import NeedletailJSON

extension BytePairModel {
  /// Reads the `model` of a tokenizer.json whose type is BPE. Its `dropout` is for training and has no effect here.
  init(json: JSON, takesRawBytes: Bool) throws {
    guard let entries = json["vocab"]?.object else { throw TokenizerError("the tokenizer's model has no vocab") }
    var vocabulary = Vocabulary(capacity: entries.count)
    for (token, id) in entries {
      guard let id = id.int else { throw TokenizerError("the id of the token '\(token)' is no integer") }
      try vocabulary.insert(token, id: id)
    }
    let prefix = Array((json["continuing_subword_prefix"]?.string ?? "").utf8)
    let list = json["merges"]?.array ?? []
    var merges = MergeTable(capacity: list.count)
    var reader = MergeReader(vocabulary: vocabulary, prefixLength: prefix.count)
    for (rank, merge) in list.enumerated() { try reader.read(merge, rank: rank, into: &merges) }

    self.init(vocabulary: vocabulary, merges: merges, takesRawBytes: takesRawBytes)
    if let token = json["unk_token"]?.string {
      guard let id = vocabulary.id(of: token) else {
        throw TokenizerError("the tokenizer's unk_token '\(token)' is not in its vocabulary")
      }
      unknown = id
    }
    fusesUnknown = json["fuse_unk"]?.bool ?? false
    hasByteFallback = json["byte_fallback"]?.bool ?? false
    ignoresMerges = json["ignore_merges"]?.bool ?? false
    continuingPrefix = prefix
    endSuffix = Array((json["end_of_word_suffix"]?.string ?? "").utf8)
    cutsBeforeSpaceSymbol =
      !takesRawBytes && !reader.crossesSpaceSymbol && !ignoresMerges && prefix.isEmpty && endSuffix.isEmpty
      && vocabulary.id(of: SpaceSymbol.bytes) != nil
  }
}

/// Reads merges, which are written "a b" or ["a", "b"].
private struct MergeReader {
  let vocabulary: Vocabulary
  /// The bytes of the continuing prefix, which the right one loses.
  let prefixLength: Int
  var scratch: [UInt8] = []
  /// Whether some merge makes a token that has a space symbol after something else.
  var crossesSpaceSymbol = false

  init(vocabulary: Vocabulary, prefixLength: Int) {
    self.vocabulary = vocabulary
    self.prefixLength = prefixLength
  }

  mutating func read(_ merge: JSON, rank: Int, into merges: inout MergeTable) throws {
    switch merge {
    case .string(var line):
      guard try line.withUTF8({ try read(line: $0, rank: rank, into: &merges) }) else {
        throw TokenizerError("merge \(rank) of the tokenizer is not two tokens with a space between: '\(line)'")
      }
    case .array(let pair):
      guard pair.count == 2, case .string(var left) = pair[0], case .string(var right) = pair[1] else {
        throw TokenizerError("merge \(rank) of the tokenizer is not a pair of tokens")
      }
      try left.withUTF8 { left in
        try right.withUTF8 { right in try add(left, right, rank: rank, into: &merges) }
      }
    default: throw TokenizerError("merge \(rank) of the tokenizer is \(merge.typeName)")
    }
  }

  private mutating func read(
    line: UnsafeBufferPointer<UInt8>, rank: Int, into merges: inout MergeTable
  ) throws -> Bool {
    guard let space = line.firstIndex(of: 0x20), !line[(space + 1)...].contains(0x20) else { return false }
    try add(
      UnsafeBufferPointer(rebasing: line[..<space]), UnsafeBufferPointer(rebasing: line[(space + 1)...]), rank: rank,
      into: &merges)
    return true
  }

  private mutating func add(
    _ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>, rank: Int, into merges: inout MergeTable
  ) throws {
    scratch.removeAll(keepingCapacity: true)
    scratch.append(contentsOf: left)
    scratch.append(contentsOf: right.dropFirst(prefixLength))
    guard let leftID = vocabulary.id(of: left), let rightID = vocabulary.id(of: right),
      let id = vocabulary.id(of: scratch)
    else {
      let text = [left, right].map { "'\(String(decoding: $0, as: UTF8.self))'" }.joined(separator: " and ")
      throw TokenizerError("merge \(rank) of the tokenizer names or makes a token outside its vocabulary: \(text)")
    }
    if !crossesSpaceSymbol { crossesSpaceSymbol = SpaceSymbol.standsAfterOther(scratch) }
    merges.insert(leftID, rightID, MergeTable.Merge(rank: UInt32(rank), id: id))
  }
}

/// U+2581, which stands for a space in SentencePiece vocabularies.
enum SpaceSymbol {
  static let bytes: [UInt8] = [0xE2, 0x96, 0x81]

  @inline(__always)
  static func stands(at position: Int, in text: UnsafeBufferPointer<UInt8>) -> Bool {
    position + 3 <= text.count && text[position] == 0xE2 && text[position + 1] == 0x96 && text[position + 2] == 0x81
  }

  /// Whether the symbol comes after something else in a text.
  static func standsAfterOther(_ text: [UInt8]) -> Bool {
    text.withUnsafeBufferPointer { text in
      var start = 0
      while stands(at: start, in: text) { start += 3 }
      return (start..<max(start, text.count)).contains { stands(at: $0, in: text) }
    }
  }

  /// The end of the word that begins at a position: where a symbol follows something else.
  static func wordEnd(from start: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
    var position = start
    while stands(at: position, in: text) { position += 3 }
    while position < text.count, !(text[position] == 0xE2 && stands(at: position, in: text)) { position += 1 }
    return position
  }
}
