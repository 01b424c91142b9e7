/// Reads the regular expressions of published tokenizers, which are written for Oniguruma.
///
/// What it does not know (back references, recursion, named groups' calls, ...) is an error, never ignored.
struct PatternParser {
  private static let maximumLength = 1 << 16
  private static let maximumDepth = 64
  private static let maximumCount = 1000
  private static let maximumQuantifiers = 8

  let scalars: [Unicode.Scalar]
  var position = 0
  var depth = 0
  /// The flags that hold at the position.
  var ignoresCase = false
  var dotMatchesLineFeed = false

  static func parse(_ pattern: String) throws -> PatternNode {
    var parser = PatternParser(scalars: Array(pattern.unicodeScalars))
    guard parser.scalars.count <= maximumLength else { throw parser.error("longer than \(maximumLength) characters") }
    let node = try parser.alternatives()
    guard parser.position == parser.scalars.count else { throw parser.error("')' without '('") }
    return node
  }

  init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

  func error(_ message: String) -> TokenizerError {
    TokenizerError("the regular expression of a tokenizer cannot be used: \(message) at character \(position)")
  }

  var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard next == scalar else { return false }
    position += 1
    return true
  }

  mutating func take(_ text: String) -> Bool {
    let wanted = Array(text.unicodeScalars)
    guard scalars[position...].starts(with: wanted) else { return false }
    position += wanted.count
    return true
  }

  private mutating func alternatives() throws -> PatternNode {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maximumDepth else { throw error("groups nested more than \(Self.maximumDepth) deep") }
    let flags = (ignoresCase, dotMatchesLineFeed)
    defer { (ignoresCase, dotMatchesLineFeed) = flags }
    var branches = [try sequence()]
    while take("|") { branches.append(try sequence()) }
    return branches.count == 1 ? branches[0] : .alternatives(branches)
  }

  private mutating func sequence() throws -> PatternNode {
    var parts: [PatternNode] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      var part = try atom()
      var quantifierCount = 0
      while let quantified = try quantifier(part) {
        part = quantified
        quantifierCount += 1
        guard quantifierCount <= Self.maximumQuantifiers else { throw error("too many quantifiers in a row") }
      }
      parts.append(part)
    }
    return parts.count == 1 ? parts[0] : parts.isEmpty ? .empty : .sequence(parts)
  }

  /// The part with the quantifier that follows it, or nil where none does.
  private mutating func quantifier(_ part: PatternNode) throws -> PatternNode? {
    var (minimum, maximum): (Int, Int?)
    var isInterval = false
    switch next {
    case "?": (minimum, maximum) = (0, 1)
    case "*": (minimum, maximum) = (0, nil)
    case "+": (minimum, maximum) = (1, nil)
    case "{":
      guard let interval = try interval() else { return nil }
      (minimum, maximum) = interval
      isInterval = true
    default: return nil
    }
    if !isInterval { position += 1 }
    var greed = PatternNode.Greed.greedy
    // In Oniguruma's syntax `{1,3}+` repeats the interval and `{3}?` makes it optional.
    if next == "?", !(isInterval && minimum == maximum) {
      greed = .lazy
      position += 1
    } else if next == "+", !isInterval {
      greed = .possessive
      position += 1
    }
    if maximum == nil, part.isNullable { throw error("an unbounded repetition of what may be empty") }
    if case .assertion = part { throw error("a repeated assertion") }
    return .repeated(part, minimum: minimum, maximum: maximum, greed)
  }

  /// `{2}`, `{2,}`, `{,3}` or `{2,3}`; anything else in braces is text.
  private mutating func interval() throws -> (Int, Int?)? {
    let start = position
    position += 1
    let low = number()
    var high = low
    if take(",") {
      high = number()
    } else if low == nil {
      position = start
      return nil
    }
    let isOpen = scalars[position - 1] == ","
    guard low != nil || high != nil, take("}") else {
      position = start
      return nil
    }
    guard (low ?? 0) <= Self.maximumCount, (high ?? 0) <= Self.maximumCount else {
      throw error("a repetition over \(Self.maximumCount)")
    }
    if let low, let high, high < low { throw error("a repetition whose limits are the wrong way around") }
    return (low ?? 0, isOpen ? nil : high)
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let digit = next, "0"..."9" ~= digit {
      value = min((value ?? 0) * 10 + Int(digit.value - 48), 1 << 20)
      position += 1
    }
    return value
  }

  private mutating func atom() throws -> PatternNode {
    guard let scalar = next else { throw error("the end where something is expected") }
    switch scalar {
    case "(": return try group()
    case "[":
      position += 1
      return .set(applyingCase(try characterClass()))
    case "\\": return try escape()
    case ".":
      position += 1
      return .set(dotMatchesLineFeed ? .any : .anyButLineFeed)
    case "^":
      position += 1
      return .assertion(.lineStart)
    case "$":
      position += 1
      return .assertion(.lineEnd)
    case "*", "+", "?": throw error("nothing to repeat")
    case "{" where try interval() != nil: throw error("nothing to repeat")
    default:
      position += 1
      return literal(scalar)
    }
  }

  func applyingCase(_ predicate: ScalarPredicate) -> ScalarPredicate {
    ignoresCase ? .caseInsensitive(predicate) : predicate
  }

  func literal(_ scalar: Unicode.Scalar) -> PatternNode {
    let variants = ignoresCase ? CaseVariants.of(scalar.value) : []
    return variants.count > 1 ? .set(.ranges(variants.map { $0...$0 })) : .scalar(scalar)
  }

  private mutating func group() throws -> PatternNode {
    position += 1
    guard take("?") else { return try closing(try alternatives()) }
    if take(":") { return try closing(try alternatives()) }
    if take("=") { return .look(try closing(try alternatives()), isNegated: false) }
    if take("!") { return .look(try closing(try alternatives()), isNegated: true) }
    if take(">") { return .atomic(try closing(try alternatives())) }
    if take("<=") { return try lookBehind(isNegated: false) }
    if take("<!") { return try lookBehind(isNegated: true) }
    return try flags()
  }

  private mutating func closing(_ node: PatternNode) throws -> PatternNode {
    guard take(")") else { throw error("'(' without ')'") }
    return node
  }

  private mutating func lookBehind(isNegated: Bool) throws -> PatternNode {
    switch try closing(try alternatives()) {
    case .scalar(let scalar): return .lookBehind(.scalar(scalar.value), isNegated: isNegated)
    case .set(let predicate): return .lookBehind(predicate, isNegated: isNegated)
    default: throw error("a look behind at more than one character")
    }
  }

  /// `(?i)` sets a flag up to the end of the group, `(?i:...)` within its own.
  private mutating func flags() throws -> PatternNode {
    let before = (ignoresCase, dotMatchesLineFeed)
    var isOn = true
    while let scalar = next {
      position += 1
      switch scalar {
      case "-": isOn = false
      case "i": ignoresCase = isOn
      case "m", "s": dotMatchesLineFeed = isOn
      case ")":
        // The flag holds in the alternatives that follow too: `a(?i)b|c` is `a(?i:b|c)`.
        return try alternatives()
      case ":":
        let node = try closing(try alternatives())
        (ignoresCase, dotMatchesLineFeed) = before
        return node
      default:
        position -= 1
        throw error("an unknown group '(?\(scalar)'")
      }
    }
    throw error("'(' without ')'")
  }
}
