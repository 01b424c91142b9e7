import NeedletailJSON

/// The sampling defaults and end tokens of a model, from `generation_config.json`.
///
///     let config = try GenerationConfig(json, path: "model/generation_config.json")
///     let temperature = options.temperature ?? config.temperature ?? 1
///
/// Every field is nil (or empty) where the file does not say; values that make no sense are errors that name the field.
public struct GenerationConfig: Sendable, Equatable {
  /// Tokens that end a text; the file may have one or a list.
  public var endTokenIDs: [Int] = []
  /// The token before every text.
  public var beginTokenID: Int?
  /// The token that fills batches; not used for generating.
  public var padTokenID: Int?
  /// Whether to sample; without it the reference decodes greedily.
  public var doesSample: Bool?
  /// Divides the logits; 0 is greedy.
  public var temperature: Double?
  /// How many of the likeliest tokens are kept; 0 keeps all.
  public var topK: Int?
  /// The probability that the likeliest tokens kept have together, 0...1.
  public var topP: Double?
  /// The least probability of a token kept, relative to the likeliest, 0...1.
  public var minP: Double?
  /// Divides the positive and multiplies the negative logits of tokens already there; 1 does nothing.
  public var repetitionPenalty: Double?
  /// Tokens to generate at most.
  public var maximumNewTokens: Int?
  /// Tokens of prompt and answer together at most.
  public var maximumLength: Int?
  /// Tokens to generate before an end token is allowed.
  public var minimumNewTokens: Int?
  /// Texts that end the generation.
  public var stopStrings: [String] = []

  /// A file that says nothing.
  public init() {}

  /// Reads the fields of the file at `path`, which errors name.
  public init(_ json: JSON, path: String) throws(CheckpointError) {
    guard json.object != nil else { throw CheckpointError(path, "is \(json.typeName) and not an object") }
    let fields = GenerationFields(json: json, path: path)
    endTokenIDs = try fields.tokens("eos_token_id")
    beginTokenID = try fields.token("bos_token_id")
    padTokenID = try fields.token("pad_token_id")
    doesSample = try fields.boolean("do_sample")
    temperature = try fields.number("temperature", "from 0 on") { $0 >= 0 }
    // -1 is some tools' way to say "all of them".
    topK = try fields.integer("top_k", "from 0 on, or -1") { $0 >= -1 }.map { max($0, 0) }
    topP = try fields.number("top_p", "from 0 to 1") { (0...1).contains($0) }
    minP = try fields.number("min_p", "from 0 to 1") { (0...1).contains($0) }
    repetitionPenalty = try fields.number("repetition_penalty", "above 0") { $0 > 0 }
    maximumNewTokens = try fields.integer("max_new_tokens", "from 1 on") { $0 >= 1 }
    maximumLength = try fields.integer("max_length", "from 1 on") { $0 >= 1 }
    minimumNewTokens = try fields.integer("min_new_tokens", "from 0 on") { $0 >= 0 }
    stopStrings = try fields.strings("stop_strings")
  }
}

/// Reads single fields; absent and null are the same.
private struct GenerationFields {
  let json: JSON
  let path: String

  func value(_ name: String) -> JSON? { json[name].flatMap { $0.isNull ? nil : $0 } }

  func invalid(_ name: String, _ expected: String) -> CheckpointError {
    let text = value(name)?.text() ?? "nothing"
    let shown = text.unicodeScalars.count > 40 ? String(text.unicodeScalars.prefix(40)) + "..." : text
    // Numbers that are not finite print as null.
    let found = if case .double(let number)? = value(name), !number.isFinite { "\(number)" } else { shown }
    return CheckpointError(path, "\(name) is \(found) and should be \(expected)")
  }

  func number(_ name: String, _ range: String, _ isValid: (Double) -> Bool) throws(CheckpointError) -> Double? {
    guard let value = value(name) else { return nil }
    guard let number = value.double, number.isFinite, isValid(number) else {
      throw invalid(name, "a number \(range)")
    }
    return number
  }

  func integer(_ name: String, _ range: String, _ isValid: (Int) -> Bool) throws(CheckpointError) -> Int? {
    guard let value = value(name) else { return nil }
    guard let number = value.int, number <= Int(Int32.max), isValid(number) else {
      throw invalid(name, "a whole number \(range)")
    }
    return number
  }

  func boolean(_ name: String) throws(CheckpointError) -> Bool? {
    guard let value = value(name) else { return nil }
    guard let flag = value.bool else { throw invalid(name, "true or false") }
    return flag
  }

  /// A token's id; -1 says that there is none.
  func token(_ name: String) throws(CheckpointError) -> Int? {
    // Some multimodal files have a list of one here.
    if let list = value(name)?.array, list.count <= 1 { return try tokens(name).first }
    guard let id = try integer(name, "from 0 on", { $0 >= -1 }) else { return nil }
    return id < 0 ? nil : id
  }

  func tokens(_ name: String) throws(CheckpointError) -> [Int] {
    guard let list = value(name)?.array else { return try token(name).map { [$0] } ?? [] }
    var ids: [Int] = []
    for element in list {
      guard let id = element.int, (0...Int(Int32.max)).contains(id) else {
        throw invalid(name, "a whole number from 0 on or a list of such")
      }
      if !ids.contains(id) { ids.append(id) }
      guard ids.count <= 1000 else { throw invalid(name, "a list of at most 1000 tokens") }
    }
    return ids
  }

  func strings(_ name: String) throws(CheckpointError) -> [String] {
    guard let value = value(name) else { return [] }
    if let text = value.string { return [text] }
    guard let list = value.array, list.allSatisfy({ $0.string != nil }), list.count <= 1000 else {
      throw invalid(name, "a string or a list of strings")
    }
    return list.compactMap(\.string)
  }
}
