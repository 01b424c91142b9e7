/// What a character class says, as an expression over scalars.
indirect enum ScalarPredicate: Sendable {
  /// Scalars whose general category is in a mask.
  case categories(UInt32)
  case ranges([ClosedRange<UInt32>])
  case alphabetic
  case union([ScalarPredicate])
  case intersection([ScalarPredicate])
  case complement(ScalarPredicate)
  /// Also the scalars that differ only in case from a member.
  case caseInsensitive(ScalarPredicate)

  static func scalar(_ value: UInt32) -> ScalarPredicate { .ranges([value...value]) }

  static let any = ScalarPredicate.complement(.ranges([]))
  /// `.`, which does not match a line feed.
  static let anyButLineFeed = ScalarPredicate.complement(.scalar(0x0A))
  /// White_Space: all separators, tab to carriage return, and next line.
  static let space = ScalarPredicate.union([
    .ranges([0x09...0x0D, 0x85...0x85]), .categories(UnicodeCategories.separators),
  ])
  static let digit = ScalarPredicate.categories(UnicodeCategories.decimalDigits)
  /// `\w` as Oniguruma has it within a class.
  static let word = ScalarPredicate.union([
    .alphabetic, .categories(UnicodeCategories.marks | UnicodeCategories.decimalDigits | UnicodeCategories.connectors),
  ])
  /// `\w` and the words of `\b` as Oniguruma has them outside a class.
  static let wordOrFraction = ScalarPredicate.union([.word, .ranges([0xB2...0xB3, 0xB9...0xB9, 0xBC...0xBE])])
  /// `\w` as Rust's regex crate has it, which the Whitespace pre-tokenizer and added tokens use.
  static let unicodeWord = ScalarPredicate.union([
    .alphabetic, .ranges([0x200C...0x200D]),
    .categories(UnicodeCategories.marks | UnicodeCategories.decimalDigits | UnicodeCategories.connectors),
  ])
  static let hexadecimalDigit = ScalarPredicate.ranges([0x30...0x39, 0x41...0x46, 0x61...0x66])

  func contains(_ scalar: UInt32) -> Bool {
    switch self {
    case .categories(let mask): return UnicodeCategories.bit(scalar) & mask != 0
    case .ranges(let ranges): return ranges.contains { $0.contains(scalar) }
    case .alphabetic: return Unicode.Scalar(scalar)?.properties.isAlphabetic ?? false
    case .union(let parts): return parts.contains { $0.contains(scalar) }
    case .intersection(let parts): return parts.allSatisfy { $0.contains(scalar) }
    case .complement(let part): return !part.contains(scalar)
    case .caseInsensitive(let part):
      return part.contains(scalar) || CaseVariants.of(scalar).contains { part.contains($0) }
    }
  }

  /// The scripts by name that patterns ask for; the standard library does not tell a scalar's script.
  static func script(named name: String) -> ScalarPredicate? {
    switch name {
    case "han":
      .ranges([
        0x2E80...0x2E99, 0x2E9B...0x2EF3, 0x2F00...0x2FD5, 0x3005...0x3005, 0x3007...0x3007, 0x3021...0x3029,
        0x3038...0x303B, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFA6D, 0xFA70...0xFAD9, 0x16FE2...0x16FE3,
        0x16FF0...0x16FF1, 0x20000...0x2A6DF, 0x2A700...0x2B739, 0x2B740...0x2B81D, 0x2B820...0x2CEA1,
        0x2CEB0...0x2EBE0, 0x2EBF0...0x2EE5D, 0x2F800...0x2FA1D, 0x30000...0x3134A, 0x31350...0x323AF,
      ])
    case "hiragana":
      .ranges([
        0x3041...0x3096, 0x309D...0x309F, 0x1B001...0x1B11F, 0x1B132...0x1B132, 0x1B150...0x1B152, 0x1F200...0x1F200,
      ])
    case "katakana":
      .ranges([
        0x30A1...0x30FA, 0x30FD...0x30FF, 0x31F0...0x31FF, 0x32D0...0x32FE, 0x3300...0x3357, 0xFF66...0xFF6F,
        0xFF71...0xFF9D, 0x1AFF0...0x1AFF3, 0x1AFF5...0x1AFFB, 0x1AFFD...0x1AFFE, 0x1B000...0x1B000,
        0x1B120...0x1B122, 0x1B155...0x1B155, 0x1B164...0x1B167,
      ])
    case "hangul":
      .ranges([
        0x1100...0x11FF, 0x302E...0x302F, 0x3131...0x318E, 0x3200...0x321E, 0x3260...0x327E, 0xA960...0xA97C,
        0xAC00...0xD7A3, 0xD7B0...0xD7C6, 0xD7CB...0xD7FB, 0xFFA0...0xFFBE, 0xFFC2...0xFFC7, 0xFFCA...0xFFCF,
        0xFFD2...0xFFD7, 0xFFDA...0xFFDC,
      ])
    case "thai": .ranges([0x0E01...0x0E3A, 0x0E40...0x0E5B])
    default: nil
    }
  }
}

/// The scalars that equal another but for case.
enum CaseVariants {
  static func of(_ value: UInt32) -> [UInt32] {
    switch value {
    // The two letters outside ASCII that fold into it.
    case 0x4B, 0x6B, 0x212A: return [0x4B, 0x6B, 0x212A]
    case 0x53, 0x73, 0x17F: return [0x53, 0x73, 0x17F]
    case 0x41...0x5A, 0x61...0x7A: return [value, value ^ 0x20]
    case 0..<0x80: return [value]
    default:
      guard let properties = Unicode.Scalar(value)?.properties else { return [value] }
      let mapped = [properties.lowercaseMapping, properties.uppercaseMapping].compactMap { text in
        text.unicodeScalars.count == 1 ? text.unicodeScalars.first?.value : nil
      }
      return [value] + mapped
    }
  }
}
