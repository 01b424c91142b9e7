import NeedletailJSON

extension PreTokenizer {
  /// The pattern with which GPT-2 cuts text.
  static let byteLevelPattern =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  private static let digits = ScalarSet(.categories(UnicodeCategories.numbers))
  private static let whitespace = ScalarSet(.space)
  private static let punctuation = ScalarSet(
    .union([.categories(UnicodeCategories.punctuation), .ranges([0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E])]))

  /// Reads the `pre_tokenizer` of a tokenizer.json.
  init(json: JSON, depth: Int = 0) throws {
    let type = json["type"]?.string ?? ""
    switch type {
    case "Split":
      self = .split(
        try SplitPattern(json: json["pattern"], of: "Split"), try Self.behavior(json, default: nil),
        isInverted: json["invert"]?.bool ?? false)
    case "ByteLevel":
      let usesPattern = json["use_regex"]?.bool ?? true
      self = .byteLevel(
        addsPrefixSpace: json["add_prefix_space"]?.bool ?? true,
        usesPattern ? try SplitPattern(Self.byteLevelPattern) : nil)
    case "Metaspace": self = .metaspace(try Metaspace(json: json))
    case "Digits":
      self = .characters(Self.digits, json["individual_digits"]?.bool ?? false ? .isolated : .contiguous)
    case "Punctuation": self = .characters(Self.punctuation, try Self.behavior(json, default: .isolated))
    case "Whitespace":
      let pattern = PatternNode.alternatives([
        .repeated(.set(.unicodeWord), minimum: 1, maximum: nil, .greedy),
        .repeated(.set(.complement(.union([.unicodeWord, .space]))), minimum: 1, maximum: nil, .greedy),
      ])
      self = .split(try SplitPattern(node: pattern), .removed, isInverted: true)
    case "WhitespaceSplit": self = .characters(Self.whitespace, .removed)
    case "BertPreTokenizer":
      self = .sequence([.characters(Self.whitespace, .removed), .characters(Self.punctuation, .isolated)])
    case "CharDelimiterSplit":
      guard let delimiter = json["delimiter"]?.string?.unicodeScalars.first else {
        throw TokenizerError("the tokenizer's CharDelimiterSplit has no delimiter")
      }
      self = .characters(ScalarSet(.scalar(delimiter.value)), .removed)
    case "Sequence":
      let parts = json["pretokenizers"]?.array ?? []
      guard depth < 16 else { throw TokenizerError("the tokenizer's pre-tokenizers are nested too deep") }
      self = .sequence(try parts.map { try PreTokenizer(json: $0, depth: depth + 1) })
    default: throw TokenizerError("the tokenizer has an unknown pre-tokenizer '\(type)'")
    }
  }

  private static func behavior(_ json: JSON, default: SplitBehavior?) throws -> SplitBehavior {
    let name = json["behavior"]?.string ?? ""
    guard let behavior = SplitBehavior(rawValue: name) ?? (json["behavior"] == nil ? `default` : nil) else {
      throw TokenizerError("the tokenizer has an unknown split behavior '\(name)'")
    }
    return behavior
  }
}

extension Metaspace {
  /// Reads a Metaspace pre-tokenizer or decoder, in its old form (`add_prefix_space`) or its new one.
  init(json: JSON) throws {
    let name = json["prepend_scheme"]?.string
    var scheme = PrependScheme.always
    if let name {
      guard let named = PrependScheme(rawValue: name) else {
        throw TokenizerError("the tokenizer's Metaspace has an unknown prepend_scheme '\(name)'")
      }
      scheme = named
    }
    if json["add_prefix_space"]?.bool == false { scheme = .never }
    let replacement = Array((json["replacement"]?.string ?? "\u{2581}").utf8)
    guard !replacement.isEmpty else { throw TokenizerError("the tokenizer's Metaspace has an empty replacement") }
    self.init(replacement: replacement, scheme: scheme, splits: json["split"]?.bool ?? true)
  }
}
