extension PatternParser {
  /// Reads an escape outside a class.
  mutating func escape() throws -> PatternNode {
    position += 1
    guard let scalar = next else { throw error("'\\' at the end") }
    let simple: PatternNode.Assertion? =
      switch scalar {
      case "b": .wordBoundary
      case "B": .noWordBoundary
      case "A": .textStart
      case "z": .textEnd
      case "Z": .textEndOrLastLineFeed
      default: nil
      }
    if let simple {
      position += 1
      return .assertion(simple)
    }
    if take("R") {
      let single = ScalarPredicate.ranges([0x0A...0x0D, 0x85...0x85, 0x2028...0x2029])
      return .atomic(.alternatives([.sequence([.scalar("\r"), .scalar("\n")]), .set(single)]))
    }
    // Outside a class Oniguruma's table of Latin-1 counts superscript digits and fractions as word characters.
    if take("w") { return .set(.wordOrFraction) }
    if take("W") { return .set(.complement(.wordOrFraction)) }
    switch try classEscape() {
    case .scalar(let value): return literal(value)
    case .set(let predicate): return .set(applyingCase(predicate))
    }
  }

  enum ClassItem {
    case scalar(Unicode.Scalar)
    case set(ScalarPredicate)
  }

  /// Reads an escape, its backslash taken already, that stands for one character or a set of them.
  private mutating func classEscape() throws -> ClassItem {
    guard let scalar = next else { throw error("'\\' at the end") }
    position += 1
    switch scalar {
    case "s": return .set(.space)
    case "S": return .set(.complement(.space))
    case "d": return .set(.digit)
    case "D": return .set(.complement(.digit))
    case "w": return .set(.word)
    case "W": return .set(.complement(.word))
    case "h": return .set(.hexadecimalDigit)
    case "H": return .set(.complement(.hexadecimalDigit))
    case "p", "P": return .set(try property(isNegated: scalar == "P"))
    case "n": return .scalar("\n")
    case "r": return .scalar("\r")
    case "t": return .scalar("\t")
    case "v": return .scalar("\u{0B}")
    case "f": return .scalar("\u{0C}")
    case "a": return .scalar("\u{07}")
    case "e": return .scalar("\u{1B}")
    case "x": return .scalar(try hexadecimal(digits: 2))
    case "u": return .scalar(try hexadecimal(digits: 4))
    case "0": return .scalar("\0")
    case "a"..."z", "A"..."Z", "1"..."9":
      position -= 1
      throw error("an unknown escape '\\\(scalar)'")
    default: return .scalar(scalar)
    }
  }

  private mutating func hexadecimal(digits: Int) throws -> Unicode.Scalar {
    let isBraced = take("{")
    var value: UInt32 = 0
    var count = 0
    while count < (isBraced ? 8 : digits), let digit = next.flatMap({ Character($0).hexDigitValue }) {
      guard value < 0x1_0000 * 16 else { throw error("a character outside Unicode") }
      value = value * 16 + UInt32(digit)
      position += 1
      count += 1
    }
    guard count > 0, isBraced || count == digits, !isBraced || take("}") else {
      throw error("a hexadecimal escape is not complete")
    }
    guard let scalar = Unicode.Scalar(value) else { throw error("a character outside Unicode") }
    return scalar
  }

  /// `{L}`, `{^Lu}`, `{Han}` after `\p`.
  private mutating func property(isNegated: Bool) throws -> ScalarPredicate {
    let start = position
    guard take("{") else { throw error("'{' expected after \\p") }
    let isInverted = take("^") != isNegated
    var name = ""
    while let scalar = next, scalar != "}", name.utf8.count < 64 {
      name.unicodeScalars.append(scalar)
      position += 1
    }
    guard take("}") else { throw error("'}' expected after \\p{") }
    guard let predicate = Self.property(named: name) else {
      position = start
      throw error("an unknown property '\(name)'")
    }
    return isInverted ? .complement(predicate) : predicate
  }

  private static func property(named name: String) -> ScalarPredicate? {
    if let mask = UnicodeCategories.mask(named: name) { return .categories(mask) }
    let plain = name.lowercased().filter { $0 != "_" && $0 != " " }
    return posixClass(plain) ?? ScalarPredicate.script(named: plain)
  }

  /// `[:name:]` and `\p{name}`.
  private static func posixClass(_ name: String) -> ScalarPredicate? {
    switch name {
    case "space", "whitespace": .space
    case "alpha", "alphabetic": .alphabetic
    case "digit": .digit
    case "alnum": .union([.alphabetic, .digit])
    case "upper": UnicodeCategories.mask(named: "Lu").map { .categories($0) }
    case "lower": UnicodeCategories.mask(named: "Ll").map { .categories($0) }
    case "punct": .categories(UnicodeCategories.punctuation)
    case "word": .word
    case "xdigit": .hexadecimalDigit
    case "ascii": .ranges([0...0x7F])
    case "any": .any
    default: nil
    }
  }

  /// Reads a class whose `[` is taken already.
  mutating func characterClass() throws -> ScalarPredicate {
    depth += 1
    defer { depth -= 1 }
    guard depth <= 64 else { throw error("classes nested more than 64 deep") }
    let isNegated = take("^")
    var parts: [ScalarPredicate] = []
    var intersected: [ScalarPredicate] = []
    var isFirst = true
    while true {
      guard let scalar = next else { throw error("'[' without ']'") }
      if scalar == "]", !isFirst {
        position += 1
        break
      }
      isFirst = false
      if take("&&") {
        intersected.append(.union(parts))
        parts = []
        continue
      }
      parts.append(try classPart())
    }
    var predicate = parts.count == 1 ? parts[0] : ScalarPredicate.union(parts)
    if !intersected.isEmpty { predicate = .intersection(intersected + [predicate]) }
    return isNegated ? .complement(predicate) : predicate
  }

  private mutating func classPart() throws -> ScalarPredicate {
    if take("[:") {
      let isNegated = take("^")
      var name = ""
      while let scalar = next, scalar != ":", name.utf8.count < 16 {
        name.unicodeScalars.append(scalar)
        position += 1
      }
      guard take(":]"), let predicate = Self.posixClass(name) else { throw error("an unknown class '[:\(name):]'") }
      return isNegated ? .complement(predicate) : predicate
    }
    if take("[") { return try characterClass() }
    switch try classItem() {
    case .set(let predicate): return predicate
    case .scalar(let low): return try range(from: low.value)
    }
  }

  /// The rest of `a-z`, or `a` alone where no range follows.
  private mutating func range(from low: UInt32) throws -> ScalarPredicate {
    guard next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else { return .scalar(low) }
    position += 1
    let both = ScalarPredicate.ranges([low...low, 0x2D...0x2D])
    if next == "[" { return both }
    switch try classItem() {
    case .set(let predicate): return .union([both, predicate])
    case .scalar(let high):
      guard low <= high.value else { throw error("a range that runs backwards") }
      return .ranges([low...high.value])
    }
  }

  private mutating func classItem() throws -> ClassItem {
    guard let scalar = next else { throw error("'[' without ']'") }
    position += 1
    guard scalar == "\\" else { return .scalar(scalar) }
    return take("b") ? .scalar("\u{08}") : try classEscape()
  }
}
