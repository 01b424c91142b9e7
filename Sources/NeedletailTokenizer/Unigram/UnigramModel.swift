import NeedletailJSON

/// A unigram language model: of all ways to cut a text into tokens, the one of highest total score (Viterbi).
struct UnigramModel: TokenModel {
  /// The best way to a place in the text.
  struct Node {
    var score = 0.0
    /// Where its last token starts, or -1 while no way is known.
    var start = -1
    var id: Int32 = -1
  }

  private(set) var vocabulary = Vocabulary()
  private var trie = ByteTrie()
  private var scores: [Double] = []
  private var unknown: Int32?
  private var unknownScore = 0.0
  private var hasByteFallback = false
  private var fallbackOfByte: [Int32] = []
  /// Neighbouring unknown characters become one token.
  private var fusesUnknown = true
  /// SentencePiece keeps sums in single precision, which decides ties.
  private var isSinglePrecision = false

  let cutsBeforeSpaceSymbol = false
  /// What an unknown character costs below the worst token.
  private static let unknownPenalty = 10.0

  /// Reads the `model` of a tokenizer.json whose type is Unigram.
  init(json: JSON) throws {
    guard let list = json["vocab"]?.array else { throw TokenizerError("the tokenizer's model has no vocab") }
    let pieces = try list.enumerated().map { index, entry in
      guard let pair = entry.array, pair.count == 2, let text = pair[0].string, let score = pair[1].double else {
        throw TokenizerError("entry \(index) of the tokenizer's vocab is not a token and its score")
      }
      return (text, score)
    }
    let unknown = json["unk_id"]?.int
    if let unknown, !pieces.indices.contains(unknown) {
      throw TokenizerError("the tokenizer's unk_id \(unknown) is outside its vocabulary of \(pieces.count)")
    }
    try self.init(
      pieces: pieces.enumerated().map { ($1.0, $1.1, $0) }, unknown: unknown.map { Int32($0) },
      lowestScore: pieces.reduce(.infinity) { min($0, $1.1) }, hasByteFallback: json["byte_fallback"]?.bool ?? false,
      isSinglePrecision: false)
    vocabulary = try Self.vocabulary(pieces.map(\.0))
    fallbackOfByte = Self.fallbacks(vocabulary)
  }

  /// Makes a model of pieces that may be chosen, each with its score and id.
  init(
    pieces: [(text: String, score: Double, id: Int)], unknown: Int32?, lowestScore: Double, hasByteFallback: Bool,
    isSinglePrecision: Bool
  ) throws {
    trie = ByteTrie(capacity: pieces.count * 4)
    scores = [Double](repeating: 0, count: (pieces.map(\.id).max() ?? -1) + 1)
    for piece in pieces {
      guard piece.score.isFinite else { throw TokenizerError("the token '\(piece.text)' has no finite score") }
      trie.insert(piece.text.utf8, value: Int32(piece.id))
      scores[piece.id] = piece.score
    }
    self.unknown = unknown
    self.hasByteFallback = hasByteFallback
    self.isSinglePrecision = isSinglePrecision
    unknownScore = (lowestScore.isFinite ? lowestScore : 0) - Self.unknownPenalty
  }

  /// Makes the model of a SentencePiece file, whose byte pieces are not to be chosen but by fallback.
  init(
    pieces: [(text: String, score: Double, id: Int)], vocabulary: Vocabulary, unknown: Int32, lowestScore: Double,
    hasByteFallback: Bool
  ) throws {
    try self.init(
      pieces: pieces, unknown: unknown, lowestScore: lowestScore, hasByteFallback: hasByteFallback,
      isSinglePrecision: true)
    self.vocabulary = vocabulary
    fallbackOfByte = Self.fallbacks(vocabulary)
  }

  private static func vocabulary(_ tokens: [String]) throws -> Vocabulary {
    var vocabulary = Vocabulary(capacity: tokens.count)
    for (id, token) in tokens.enumerated() { try vocabulary.insert(token, id: id) }
    return vocabulary
  }

  private static func fallbacks(_ vocabulary: Vocabulary) -> [Int32] {
    (0..<256).map { vocabulary.id(of: ByteFallback.token(for: UInt8($0))) ?? -1 }
  }

  func encode(_ piece: UnsafeBufferPointer<UInt8>, _ scratch: inout EncodingScratch, into ids: inout [Int32]) {
    fillPath(piece, &scratch.path)
    // The way back gives the tokens from the last to the first.
    let first = ids.count
    var end = piece.count
    while end > 0 {
      let node = scratch.path[end]
      var start = node.start
      if node.id >= 0, node.id != unknown {
        ids.append(node.id)
      } else {
        while fusesUnknown, start > 0, scratch.path[start].id == node.id { start = scratch.path[start].start }
        appendUnknown(UnsafeBufferPointer(rebasing: piece[start..<end]), to: &ids)
      }
      end = start
    }
    ids[first...].reverse()
  }

  private func appendUnknown(_ text: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]) {
    if hasByteFallback {
      let bytes = text.map { fallbackOfByte[Int($0)] }
      if !bytes.contains(-1) {
        ids.append(contentsOf: bytes.reversed())
        return
      }
    }
    if let unknown { ids.append(unknown) }
  }

  private func fillPath(_ piece: UnsafeBufferPointer<UInt8>, _ path: inout [Node]) {
    path.removeAll(keepingCapacity: true)
    path.append(contentsOf: repeatElement(Node(), count: piece.count + 1))
    var start = 0
    while start < piece.count {
      let before = path[start].score
      let length = UTF8Scalar.decode(piece, at: start).length
      var hasSingle = false
      trie.forEachPrefix(of: piece, from: start) { tokenLength, id in
        improve(&path[start + tokenLength], from: start, id, score: before + scores[Int(id)])
        if tokenLength == length { hasSingle = true }
      }
      if !hasSingle {
        improve(&path[start + length], from: start, unknown ?? -1, score: before + unknownScore)
      }
      start += length
    }
  }

  @inline(__always)
  private func improve(_ node: inout Node, from start: Int, _ id: Int32, score: Double) {
    guard node.start < 0 || score > node.score else { return }
    node = Node(score: isSinglePrecision ? Double(Float(score)) : score, start: start, id: id)
  }
}
