import NeedletailJSON

/// A Hugging Face model directory: where it is, and what its small files say.
///
///     let model = try ModelDirectory("meta-llama/Llama-3.2-1B")   // or a path
///     let checkpoint = try Checkpoint(directory: model.path)
///
/// Opening reads `config.json`, `generation_config.json`, `tokenizer_config.json` and the chat template, each bounded in
/// size; every problem is one sentence that begins with the file's name.
public struct ModelDirectory: Sendable {
  /// The directory.
  public let path: String
  /// `config.json` as it stands there (a multimodal model's nested `text_config` too).
  public let config: JSON
  /// `generation_config.json`; empty where there is none, with the end tokens of `config.json` where it names none.
  public let generationConfig: GenerationConfig
  /// `tokenizer_config.json`, or nil where there is none.
  public let tokenizerConfig: JSON?
  /// The chat template, in Jinja; nil where the model has none.
  public let chatTemplate: String?
  /// Further templates by name, such as `tool_use` and `rag`; empty for most models.
  public let namedChatTemplates: [(name: String, template: String)]

  static let maximumConfigBytes = 16 << 20
  static let maximumTokenizerConfigBytes = 64 << 20
  static let maximumTemplateBytes = 4 << 20

  /// Finds and reads a model.
  ///
  /// - Parameters:
  ///   - model: A directory, or `ORG/NAME` of a model in the local Hugging Face cache.
  ///   - environment: Where variables such as `HF_HOME` are looked up; the process's own by default.
  public init(
    _ model: String, environment: (String) -> String? = Self.environmentVariable
  ) throws(CheckpointError) {
    let path = try Self.locate(model, environment: environment)
    self.path = path
    let configPath = FileSystem.join(path, "config.json")
    guard FileSystem.kind(configPath) != nil else {
      throw CheckpointError(
        path, "config.json is missing, so this is no model directory (or its download is not complete)")
    }
    config = try JSON.read(configPath, limit: Self.maximumConfigBytes)
    guard config.object != nil else { throw CheckpointError(configPath, "is \(config.typeName) and not an object") }

    generationConfig = try Self.readGenerationConfig(path, config: config, configPath: configPath)
    tokenizerConfig = try Self.readOptional(path, "tokenizer_config.json", limit: Self.maximumTokenizerConfigBytes)
    let templates = try ChatTemplates(directory: path, tokenizerConfig: tokenizerConfig)
    chatTemplate = templates.main
    namedChatTemplates = templates.named
  }

  /// The path of a file of the directory.
  public func path(of name: String) -> String { FileSystem.join(path, name) }

  /// Whether the directory has a file.
  public func has(_ name: String) -> Bool { FileSystem.kind(path(of: name)) == .file }

  /// The bytes of a file, which may have no more than `limit`.
  public func read(_ name: String, limit: Int) throws(CheckpointError) -> [UInt8] {
    try FileSystem.read(path(of: name), limit: limit)
  }

  /// The JSON value of a file that may be absent.
  static func readOptional(_ directory: String, _ name: String, limit: Int) throws(CheckpointError) -> JSON? {
    let path = FileSystem.join(directory, name)
    return FileSystem.kind(path) == nil ? nil : try JSON.read(path, limit: limit)
  }

  private static func readGenerationConfig(
    _ directory: String, config: JSON, configPath: String
  ) throws(CheckpointError) -> GenerationConfig {
    let name = "generation_config.json"
    var result = GenerationConfig()
    if let json = try readOptional(directory, name, limit: maximumConfigBytes) {
      result = try GenerationConfig(json, path: FileSystem.join(directory, name))
    }
    // Older models say it in config.json only; a multimodal one in its text part.
    for source in [config, config["text_config"] ?? .null] where source.object != nil {
      let tokens: JSON = .object(
        JSONObject(
          ["eos_token_id", "bos_token_id", "pad_token_id"].compactMap { key in source[key].map { (key, $0) } }))
      let fallback = try GenerationConfig(tokens, path: configPath)
      if result.endTokenIDs.isEmpty { result.endTokenIDs = fallback.endTokenIDs }
      result.beginTokenID = result.beginTokenID ?? fallback.beginTokenID
      result.padTokenID = result.padTokenID ?? fallback.padTokenID
    }
    return result
  }
}
