// The standard library's own normalization; Foundation's would add its Unicode tables to every binary.
@_spi(_Unicode) import Swift

/// The four Unicode normalization forms of a text in UTF-8.
enum UnicodeNormalization: Sendable {
  case nfc, nfd, nfkc, nfkd

  func normalize(_ text: [UInt8]) -> [UInt8] {
    if text.allSatisfy({ $0 < 0x80 }) { return text }
    let string = String(decoding: text, as: UTF8.self)
    switch self {
    case .nfc: return Self.composed(string)
    case .nfd: return Self.decomposed(string)
    case .nfkc: return Self.composed(Self.withoutCompatibility(string))
    case .nfkd: return Self.decomposed(Self.withoutCompatibility(string))
    }
  }

  private static func composed(_ text: String) -> [UInt8] {
    var output = ""
    output.unicodeScalars.append(contentsOf: text._nfc)
    return Array(output.utf8)
  }

  private static func decomposed(_ text: String) -> [UInt8] {
    var output = ""
    output.unicodeScalars.append(contentsOf: text._nfd)
    return Array(output.utf8)
  }

  /// Replaces each scalar that has a compatibility decomposition, canonically decomposed first: some reach one only so.
  private static func withoutCompatibility(_ text: String) -> String {
    var output = ""
    for scalar in text._nfd {
      if let mapping = CompatibilityTable.mappings[scalar.value] {
        output.unicodeScalars.append(contentsOf: mapping)
      } else {
        output.unicodeScalars.append(scalar)
      }
    }
    return output
  }
}
