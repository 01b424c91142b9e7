import NeedletailJSON

extension Normalizer {
  /// Reads the `normalizer` of a tokenizer.json.
  init(json: JSON, depth: Int = 0) throws {
    let type = json["type"]?.string ?? ""
    switch type {
    case "NFC": self = .form(.nfc)
    case "NFD": self = .form(.nfd)
    case "NFKC": self = .form(.nfkc)
    case "NFKD": self = .form(.nfkd)
    case "Lowercase": self = .lowercase
    case "Strip":
      self = .strip(left: json["strip_left"]?.bool ?? true, right: json["strip_right"]?.bool ?? true)
    case "StripAccents": self = .stripAccents
    case "Prepend": self = .prepend(Array((json["prepend"]?.string ?? "").utf8))
    case "Replace": self = .replace(try Replacement(json: json))
    case "Precompiled":
      guard let bytes = Base64.decode(json["precompiled_charsmap"]?.string ?? "") else {
        throw TokenizerError("the tokenizer's precompiled_charsmap is not base64")
      }
      self = .precompiled(try CharacterMap(bytes: bytes))
    case "Nmt": self = .nmt
    case "BertNormalizer":
      let lowercases = json["lowercase"]?.bool ?? true
      self = .bert(
        BertNormalizer(
          cleansText: json["clean_text"]?.bool ?? true, padsChinese: json["handle_chinese_chars"]?.bool ?? true,
          stripsAccents: json["strip_accents"]?.bool ?? lowercases, lowercases: lowercases))
    case "ByteLevel": self = .byteLevel
    case "Sequence":
      let parts = json["normalizers"]?.array ?? []
      guard depth < 16 else { throw TokenizerError("the tokenizer's normalizers are nested too deep") }
      self = .sequence(try parts.map { try Normalizer(json: $0, depth: depth + 1) })
    default: throw TokenizerError("the tokenizer has an unknown normalizer '\(type)'")
    }
  }
}
