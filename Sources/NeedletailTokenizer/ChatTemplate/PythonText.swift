/// How Python writes and classifies text.
enum PythonText {
  /// `\xe9`, `\u4e00` or `\U0001f600`.
  static func escape(_ scalar: Unicode.Scalar) -> String {
    let value = scalar.value
    let (letter, count) = value < 0x100 ? ("x", 2) : value < 0x10000 ? ("u", 4) : ("U", 8)
    let digits = String(value, radix: 16)
    return "\\" + letter + String(repeating: "0", count: count - digits.utf8.count) + digits
  }

  /// `repr` of a string: quoted with ', or with " where it contains only '.
  static func quoted(_ text: String) -> String {
    var hasSingle = false
    var hasDouble = false
    for byte in text.utf8 {
      if byte == UInt8(ascii: "'") { hasSingle = true }
      if byte == UInt8(ascii: "\"") { hasDouble = true }
    }
    let quote: Unicode.Scalar = hasSingle && !hasDouble ? "\"" : "'"
    var out = String.UnicodeScalarView()
    out.append(quote)
    for scalar in text.unicodeScalars {
      switch scalar {
      case quote, "\\":
        out.append("\\")
        out.append(scalar)
      case "\n": out.append(contentsOf: "\\n".unicodeScalars)
      case "\r": out.append(contentsOf: "\\r".unicodeScalars)
      case "\t": out.append(contentsOf: "\\t".unicodeScalars)
      case _ where scalar.isPythonPrintable: out.append(scalar)
      default: out.append(contentsOf: escape(scalar).unicodeScalars)
      }
    }
    out.append(quote)
    return String(out)
  }

  /// `str.splitlines`.
  static func lines(_ text: String, keepingEnds: Bool = false) -> [String] {
    var lines: [String] = []
    var line = String.UnicodeScalarView()
    var afterReturn = false
    for scalar in text.unicodeScalars {
      if scalar == "\n", afterReturn {
        afterReturn = false
        if keepingEnds, !lines.isEmpty { lines[lines.count - 1].unicodeScalars.append(scalar) }
        continue
      }
      afterReturn = scalar == "\r"
      if scalar.endsPythonLine {
        if keepingEnds { line.append(scalar) }
        lines.append(String(line))
        line = String.UnicodeScalarView()
      } else {
        line.append(scalar)
      }
    }
    if !line.isEmpty { lines.append(String(line)) }
    return lines
  }

  /// `str.lower`: a capital sigma that ends a word becomes the final form.
  static func lowercased(_ text: String) -> String {
    guard text.unicodeScalars.contains("\u{3A3}") else { return text.lowercased() }
    let scalars = Array(text.unicodeScalars)
    var out = ""
    for (position, scalar) in scalars.enumerated() {
      guard scalar == "\u{3A3}" else {
        out += scalar.properties.lowercaseMapping
        continue
      }
      let before = scalars[..<position].last { !$0.properties.isCaseIgnorable }
      let after = scalars[(position + 1)...].first { !$0.properties.isCaseIgnorable }
      let isFinal = before?.properties.isCased == true && after?.properties.isCased != true
      out += isFinal ? "\u{3C2}" : "\u{3C3}"
    }
    return out
  }

  /// `str.capitalize`.
  static func capitalized(_ text: String) -> String {
    guard let first = text.unicodeScalars.first else { return "" }
    let rest = String(text.unicodeScalars.dropFirst())
    return first.properties.titlecaseMapping + lowercased(rest)
  }

  /// `str.title`: each run of letters with case starts with a capital.
  static func titled(_ text: String) -> String {
    var out = ""
    var previousIsCased = false
    for scalar in text.unicodeScalars {
      out += previousIsCased ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
      previousIsCased = scalar.properties.isCased
    }
    return out
  }
}

extension Unicode.Scalar {
  /// `str.isspace`, which is also what regular expressions of Python call space.
  var isPythonSpace: Bool {
    switch value {
    case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
    default: false
    }
  }

  /// What `str.splitlines` splits at.
  var endsPythonLine: Bool {
    switch value {
    case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }

  /// `str.isprintable`: what `repr` does not escape.
  var isPythonPrintable: Bool {
    if value < 0x7F { return value >= 0x20 }
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
      .spaceSeparator:
      return false
    default: return true
    }
  }

  /// A decimal digit of ASCII.
  var isDigit: Bool { 0x30...0x39 ~= value }

  /// `str.isalpha`.
  var isPythonLetter: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }

  /// `str.isalnum`.
  var isPythonAlphanumeric: Bool { isPythonLetter || properties.numericType != nil }

  /// What `\w` matches.
  var isWord: Bool {
    if value < 0x80 {
      return isDigit || 0x41...0x5A ~= value || 0x61...0x7A ~= value || self == "_"
    }
    return isPythonAlphanumeric
  }

  /// The value of a hexadecimal digit.
  var hexadecimalValue: Int? {
    switch value {
    case 0x30...0x39: Int(value) - 0x30
    case 0x41...0x46: Int(value) - 0x41 + 10
    case 0x61...0x66: Int(value) - 0x61 + 10
    default: nil
    }
  }
}
