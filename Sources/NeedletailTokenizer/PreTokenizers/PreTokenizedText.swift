/// A text and the pieces that it is cut into.
struct PreTokenizedText {
  var bytes: [UInt8]
  var pieces: [Range<Int>]
  /// Whether the bytes stand for others by `ByteLevelAlphabet`.
  var isByteLevel = false
  /// Whether the text begins where the whole input begins.
  let isAtStart: Bool

  init(_ bytes: [UInt8], isAtStart: Bool) {
    self.bytes = bytes
    self.isAtStart = isAtStart
    pieces = bytes.isEmpty ? [] : [0..<bytes.count]
  }

  /// Cuts every piece at what `find` gives, which are places within the piece.
  mutating func split(
    _ behavior: SplitBehavior, isInverted: Bool = false,
    find: (UnsafeBufferPointer<UInt8>, (Range<Int>) -> Void) -> Void
  ) {
    var cutter = PieceCutter(behavior: behavior, isInverted: isInverted)
    bytes.withUnsafeBufferPointer { bytes in
      for piece in pieces {
        cutter.begin(piece.lowerBound)
        find(UnsafeBufferPointer(rebasing: bytes[piece])) { cutter.match($0) }
        cutter.finish(piece.upperBound)
      }
    }
    pieces = cutter.pieces
  }

  /// Cuts every piece at each scalar of a set.
  mutating func split(at set: ScalarSet, _ behavior: SplitBehavior) {
    split(behavior) { text, found in
      var position = 0
      while position < text.count {
        let (scalar, length) = UTF8Scalar.decode(text, at: position)
        if set.contains(scalar) { found(position..<position + length) }
        position += length
      }
    }
  }

  /// Writes every piece anew.
  mutating func rewrite(_ write: (_ piece: UnsafeBufferPointer<UInt8>, _ start: Int, inout [UInt8]) -> Void) {
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count * 2)
    bytes.withUnsafeBufferPointer { bytes in
      for index in pieces.indices {
        let start = output.count
        write(UnsafeBufferPointer(rebasing: bytes[pieces[index]]), pieces[index].lowerBound, &output)
        pieces[index] = start..<output.count
      }
    }
    bytes = output
  }
}

/// What becomes of the places at which a text is cut.
enum SplitBehavior: String, Sendable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"
}

/// Collects pieces from matches given in order.
private struct PieceCutter {
  let behavior: SplitBehavior
  let isInverted: Bool
  private(set) var pieces: [Range<Int>] = []
  private var base = 0
  /// The end of the last match.
  private var end = 0
  private var firstPiece = 0
  private var wasMatch = false
  /// A match that waits for what follows.
  private var held: Range<Int>?
  private var hasEmpty = false

  init(behavior: SplitBehavior, isInverted: Bool) {
    self.behavior = behavior
    self.isInverted = isInverted
  }

  mutating func begin(_ start: Int) {
    (base, end) = (start, start)
    firstPiece = pieces.count
    wasMatch = false
  }

  mutating func match(_ range: Range<Int>) {
    let range = base + range.lowerBound..<base + range.upperBound
    if end < range.lowerBound { add(end..<range.lowerBound, isMatch: isInverted) }
    if range.isEmpty { hasEmpty = true }
    add(range, isMatch: !isInverted)
    end = range.upperBound
  }

  mutating func finish(_ upperBound: Int) {
    if end < upperBound { add(end..<upperBound, isMatch: isInverted) }
    if let held { pieces.append(held) }
    held = nil
    if hasEmpty { pieces.removeAll { $0.isEmpty } }
    hasEmpty = false
  }

  private mutating func add(_ range: Range<Int>, isMatch: Bool) {
    defer { wasMatch = isMatch }
    switch behavior {
    case .isolated: pieces.append(range)
    case .removed: if !isMatch { pieces.append(range) }
    case .contiguous: if isMatch == wasMatch { extend(range) } else { pieces.append(range) }
    case .mergedWithPrevious: if isMatch, !wasMatch { extend(range) } else { pieces.append(range) }
    case .mergedWithNext:
      if isMatch {
        if let held { pieces.append(held) }
        held = range
      } else {
        pieces.append((held?.lowerBound ?? range.lowerBound)..<range.upperBound)
        held = nil
      }
    }
  }

  private mutating func extend(_ range: Range<Int>) {
    if pieces.count > firstPiece {
      pieces[pieces.count - 1] = pieces[pieces.count - 1].lowerBound..<range.upperBound
    } else {
      pieces.append(range)
    }
  }
}
