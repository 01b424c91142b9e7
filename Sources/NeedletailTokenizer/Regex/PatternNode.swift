/// A parsed split pattern.
indirect enum PatternNode {
  case empty
  case scalar(Unicode.Scalar)
  case set(ScalarPredicate)
  case sequence([PatternNode])
  case alternatives([PatternNode])
  case repeated(PatternNode, minimum: Int, maximum: Int?, Greed)
  case look(PatternNode, isNegated: Bool)
  case lookBehind(ScalarPredicate, isNegated: Bool)
  case atomic(PatternNode)
  case assertion(Assertion)

  enum Greed: Sendable { case greedy, lazy, possessive }

  enum Assertion: Sendable {
    case lineStart, lineEnd, textStart, textEnd, textEndOrLastLineFeed, wordBoundary, noWordBoundary
  }

  /// Whether it can match nothing.
  var isNullable: Bool {
    switch self {
    case .empty, .look, .lookBehind, .assertion: true
    case .scalar, .set: false
    case .sequence(let parts): parts.allSatisfy(\.isNullable)
    case .alternatives(let parts): parts.contains(where: \.isNullable)
    case .repeated(let body, let minimum, _, _): minimum == 0 || body.isNullable
    case .atomic(let body): body.isNullable
    }
  }

  /// The bytes with which a match may begin, where it is not empty; too many rather than too few.
  var firstBytes: ByteSet {
    var bytes = ByteSet()
    switch self {
    case .empty, .look, .lookBehind, .assertion: break
    case .scalar(let scalar):
      if let first = UTF8.encode(scalar)?.first { bytes.insert(first) }
    case .set(let predicate): return ScalarSet(predicate).firstBytes
    case .sequence(let parts):
      for part in parts {
        bytes.formUnion(part.firstBytes)
        if !part.isNullable { break }
      }
    case .alternatives(let parts): for part in parts { bytes.formUnion(part.firstBytes) }
    case .repeated(let body, _, _, _), .atomic(let body): return body.firstBytes
    }
    return bytes
  }
}
