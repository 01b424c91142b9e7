/// Sets of Unicode general categories as bit masks, and the category of a scalar.
enum UnicodeCategories {
  /// The two-letter names in the order of their bits.
  static let names = [
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
    "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
  ]
  private static let longNames: [String: String] = [
    "letter": "L", "mark": "M", "number": "N", "punctuation": "P", "punct": "P", "symbol": "S", "separator": "Z",
    "other": "C", "uppercaseletter": "Lu", "lowercaseletter": "Ll", "titlecaseletter": "Lt", "modifierletter": "Lm",
    "otherletter": "Lo", "nonspacingmark": "Mn", "spacingmark": "Mc", "enclosingmark": "Me", "decimalnumber": "Nd",
    "letternumber": "Nl", "othernumber": "No", "connectorpunctuation": "Pc", "dashpunctuation": "Pd",
    "openpunctuation": "Ps", "closepunctuation": "Pe", "initialpunctuation": "Pi", "finalpunctuation": "Pf",
    "otherpunctuation": "Po", "mathsymbol": "Sm", "currencysymbol": "Sc", "modifiersymbol": "Sk", "othersymbol": "So",
    "spaceseparator": "Zs", "lineseparator": "Zl", "paragraphseparator": "Zp", "control": "Cc", "format": "Cf",
    "surrogate": "Cs", "privateuse": "Co", "unassigned": "Cn", "digit": "Nd",
  ]

  static let letters = mask("L"), marks = mask("M"), numbers = mask("N"), punctuation = mask("P"),
    separators = mask("Z")
  static let decimalDigits = mask("Nd"), connectors = mask("Pc")

  /// The mask of a category ("Lu") or of all those that share a letter ("L"), by its short or long name.
  static func mask(named name: String) -> UInt32? {
    let found = mask(name)
    if found != 0 { return found }
    let plain = name.lowercased().filter { $0 != "_" && $0 != " " && $0 != "-" }
    return longNames[plain].map(mask)
  }

  private static func mask(_ prefix: String) -> UInt32 {
    names.indices.reduce(0) {
      names[$1] == prefix || names[$1].first == prefix.first && prefix.count == 1 ? $0 | 1 << UInt32($1) : $0
    }
  }

  /// The bit of the scalar's category.
  @inline(__always)
  static func bit(_ scalar: UInt32) -> UInt32 {
    1 << UInt32(scalar < 0x10000 ? basicPlane[Int(scalar)] : index(scalar))
  }

  /// The category of every scalar below U+10000: looking one up in the standard library takes some 20 ns.
  private static let basicPlane: [UInt8] = (0..<0x10000).map { index($0) }

  private static func index(_ value: UInt32) -> UInt8 {
    guard let scalar = Unicode.Scalar(value) else { return 27 }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter: return 0
    case .lowercaseLetter: return 1
    case .titlecaseLetter: return 2
    case .modifierLetter: return 3
    case .otherLetter: return 4
    case .nonspacingMark: return 5
    case .spacingMark: return 6
    case .enclosingMark: return 7
    case .decimalNumber: return 8
    case .letterNumber: return 9
    case .otherNumber: return 10
    case .connectorPunctuation: return 11
    case .dashPunctuation: return 12
    case .openPunctuation: return 13
    case .closePunctuation: return 14
    case .initialPunctuation: return 15
    case .finalPunctuation: return 16
    case .otherPunctuation: return 17
    case .mathSymbol: return 18
    case .currencySymbol: return 19
    case .modifierSymbol: return 20
    case .otherSymbol: return 21
    case .spaceSeparator: return 22
    case .lineSeparator: return 23
    case .paragraphSeparator: return 24
    case .control: return 25
    case .format: return 26
    case .surrogate: return 27
    case .privateUse: return 28
    case .unassigned: return 29
    @unknown default: return 29
    }
  }
}
