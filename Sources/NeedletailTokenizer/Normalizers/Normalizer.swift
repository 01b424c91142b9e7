/// What changes a text before it is cut into pieces. Texts are valid UTF-8 before and after.
indirect enum Normalizer: Sendable {
  case form(UnicodeNormalization)
  case lowercase
  case strip(left: Bool, right: Bool)
  case stripAccents
  case prepend([UInt8])
  case replace(Replacement)
  case precompiled(CharacterMap)
  case nmt
  case bert(BertNormalizer)
  case byteLevel
  case sentencePiece(SentencePieceNormalizer)
  case sequence([Normalizer])

  func normalize(_ text: [UInt8]) -> [UInt8] {
    switch self {
    case .form(let form): return form.normalize(text)
    case .lowercase: return Self.lowercased(text)
    case .strip(let left, let right): return Self.stripped(text, left: left, right: right)
    case .stripAccents: return Self.filtered(text) { UnicodeCategories.bit($0) & UnicodeCategories.marks == 0 }
    case .prepend(let prefix): return text.isEmpty ? text : prefix + text
    case .replace(let replacement): return replacement.apply(to: text)
    case .precompiled(let map): return map.normalize(text)
    case .nmt: return Self.normalizedForTranslation(text)
    case .bert(let bert): return bert.normalize(text)
    case .byteLevel:
      var output: [UInt8] = []
      for byte in text { ByteLevelAlphabet.append(byte, to: &output) }
      return output
    case .sentencePiece(let normalizer): return normalizer.normalize(text)
    case .sequence(let parts): return parts.reduce(text) { $1.normalize($0) }
    }
  }

  static func lowercased(_ text: [UInt8]) -> [UInt8] {
    if text.allSatisfy({ $0 < 0x80 }) { return text.map { 0x41...0x5A ~= $0 ? $0 | 0x20 : $0 } }
    var output = ""
    for scalar in String(decoding: text, as: UTF8.self).unicodeScalars { output += scalar.properties.lowercaseMapping }
    return Array(output.utf8)
  }

  /// Keeps the scalars of which a condition holds.
  static func filtered(_ text: [UInt8], _ isKept: (UInt32) -> Bool) -> [UInt8] {
    var output = String.UnicodeScalarView()
    for scalar in String(decoding: text, as: UTF8.self).unicodeScalars where isKept(scalar.value) {
      output.append(scalar)
    }
    return Array(String(output).utf8)
  }

  static let space = ScalarSet(.space)

  private static func stripped(_ text: [UInt8], left: Bool, right: Bool) -> [UInt8] {
    var scalars = Substring(String(decoding: text, as: UTF8.self)).unicodeScalars
    while left, let first = scalars.first, space.contains(first.value) { scalars.removeFirst() }
    while right, let last = scalars.last, space.contains(last.value) { scalars.removeLast() }
    return Array(Substring(scalars).utf8)
  }

  private static func normalizedForTranslation(_ text: [UInt8]) -> [UInt8] {
    var output = String.UnicodeScalarView()
    for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
      switch scalar.value {
      case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: continue
      case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD: output.append(" ")
      default: output.append(scalar)
      }
    }
    return Array(String(output).utf8)
  }
}

/// The normalizer of BERT's vocabularies.
struct BertNormalizer: Sendable {
  var cleansText = true
  var padsChinese = true
  var stripsAccents = true
  var lowercases = true

  func normalize(_ text: [UInt8]) -> [UInt8] {
    var text = text
    if cleansText || padsChinese { text = cleaned(text) }
    if stripsAccents {
      let marks = UnicodeCategories.mask(named: "Mn") ?? 0
      text = Normalizer.filtered(UnicodeNormalization.nfd.normalize(text)) { UnicodeCategories.bit($0) & marks == 0 }
    }
    return lowercases ? Normalizer.lowercased(text) : text
  }

  private func cleaned(_ text: [UInt8]) -> [UInt8] {
    let controls = ["Cc", "Cf", "Co"].reduce(0) { $0 | (UnicodeCategories.mask(named: $1) ?? 0) }
    var output = String.UnicodeScalarView()
    for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
      let value = scalar.value
      if cleansText {
        let isLayout = value == 0x09 || value == 0x0A || value == 0x0D
        if value == 0 || value == 0xFFFD || !isLayout && UnicodeCategories.bit(value) & controls != 0 { continue }
        if Normalizer.space.contains(value) {
          output.append(" ")
          continue
        }
      }
      let isPadded = padsChinese && Self.isChinese(value)
      if isPadded { output.append(" ") }
      output.append(scalar)
      if isPadded { output.append(" ") }
    }
    return Array(String(output).utf8)
  }

  private static func isChinese(_ value: UInt32) -> Bool {
    switch value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F, 0x2B920...0x2CEAF,
      0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}
