import NeedletailJSON

/// The special tokens that a tokenizer puts around a sequence.
struct PostProcessor: Sendable {
  private(set) var prefix: [Int32] = []
  private(set) var suffix: [Int32] = []

  init(prefix: [Int32] = [], suffix: [Int32] = []) {
    self.prefix = prefix
    self.suffix = suffix
  }

  /// Reads the `post_processor` of a tokenizer.json.
  init(json: JSON, depth: Int = 0) throws {
    let type = json["type"]?.string ?? ""
    switch type {
    // It only changes the offsets of tokens.
    case "ByteLevel": break
    case "TemplateProcessing": try read(template: json)
    case "RobertaProcessing", "BertProcessing":
      prefix = [try Self.id(of: json["cls"], in: type)]
      suffix = [try Self.id(of: json["sep"], in: type)]
    case "Sequence":
      guard depth < 16 else { throw TokenizerError("the tokenizer's post-processors are nested too deep") }
      for part in json["processors"]?.array ?? [] {
        let next = try PostProcessor(json: part, depth: depth + 1)
        prefix = next.prefix + prefix
        suffix += next.suffix
      }
    default: throw TokenizerError("the tokenizer has an unknown post-processor '\(type)'")
    }
  }

  /// The ids that it adds; each must be a token's.
  var ids: [Int32] { prefix + suffix }

  /// `["</s>", 2]`
  private static func id(of pair: JSON?, in type: String) throws -> Int32 {
    guard let pair = pair?.array, pair.count == 2, let id = pair[1].int, let id = Int32(exactly: id), id >= 0 else {
      throw TokenizerError("the tokenizer's \(type) has no cls or sep token")
    }
    return id
  }

  private mutating func read(template json: JSON) throws {
    var isBefore = true
    for part in json["single"]?.array ?? [] {
      if part["Sequence"] != nil {
        guard isBefore else { throw TokenizerError("the tokenizer's template has the sequence more than once") }
        isBefore = false
      } else if let name = part["SpecialToken"]?["id"]?.string {
        guard let ids = json["special_tokens"]?[name]?["ids"]?.array else {
          throw TokenizerError("the tokenizer's template uses '\(name)', which its special_tokens do not have")
        }
        let known = try ids.map { id in
          guard let id = id.int, let id = Int32(exactly: id), id >= 0 else {
            throw TokenizerError("the ids of '\(name)' in the tokenizer's template are no token ids")
          }
          return id
        }
        if isBefore { prefix += known } else { suffix += known }
      } else {
        throw TokenizerError("the tokenizer's template has a part that is neither a sequence nor a special token")
      }
    }
    guard !isBefore else { throw TokenizerError("the tokenizer's template does not have the sequence") }
  }
}
