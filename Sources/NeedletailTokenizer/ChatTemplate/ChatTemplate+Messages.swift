import NeedletailJSON

extension ChatTemplate {
  /// Renders a conversation with the variables that transformers' `apply_chat_template` gives.
  ///
  /// - Parameters:
  ///   - messages: objects with a `role` and a `content`, as the template expects them.
  ///   - tools: descriptions of functions in the form of OpenAI's API; nil where there are none.
  ///   - documents: texts that the answer should use; nil where there are none.
  ///   - addGenerationPrompt: whether the prompt ends with the start of an assistant's message.
  ///   - specialTokens: `bos_token`, `eos_token` and their like; see `specialTokens(inTokenizerConfig:)`.
  ///   - extra: more variables; they replace those above.
  /// - Throws: where the template refuses the conversation (`.raised`), fails or reaches a limit.
  public func render(
    messages: [JSON], tools: [JSON]? = nil, documents: [JSON]? = nil, addGenerationPrompt: Bool,
    specialTokens: JSONObject = .init(), extra: JSONObject = .init(), limits: Limits = .init(), now: Moment = .now
  ) throws(ChatTemplateError) -> String {
    var context = specialTokens
    for member in extra { context[member.key] = member.value }
    var whole = JSONObject([
      ("messages", .array(messages)), ("tools", tools.map { .array($0) } ?? .null),
      ("documents", documents.map { .array($0) } ?? .null), ("add_generation_prompt", .bool(addGenerationPrompt)),
    ])
    for member in context { whole[member.key] = member.value }
    return try render(whole, limits: limits, now: now)
  }

  /// The special tokens that a `tokenizer_config.json` names, as templates see them: `bos_token`, `eos_token`,
  /// `unk_token`, `sep_token`, `pad_token`, `cls_token`, `mask_token` and `additional_special_tokens`.
  public static func specialTokens(inTokenizerConfig config: JSON) -> JSONObject {
    func text(_ token: JSON?) -> JSON? { (token?.string ?? token?["content"]?.string).map { .string($0) } }
    var tokens = JSONObject()
    for name in ["bos", "eos", "unk", "sep", "pad", "cls", "mask"] {
      if let token = text(config[name + "_token"]) { tokens[name + "_token"] = token }
    }
    if let additional = config["additional_special_tokens"]?.array, !additional.isEmpty {
      tokens["additional_special_tokens"] = .array(additional.compactMap(text))
    }
    return tokens
  }

  /// The template's source in a `tokenizer_config.json`, nil where there is none.
  ///
  /// A model may have several: the one of the given name is taken, else `tool_use` where there are tools and it exists,
  /// else `default`.
  public static func source(
    inTokenizerConfig config: JSON, name: String? = nil, hasTools: Bool = false
  ) -> String? {
    if let only = config["chat_template"]?.string { return only }
    guard let choices = config["chat_template"]?.array else { return nil }
    func source(_ name: String) -> String? {
      choices.first { $0["name"]?.string == name }?["template"]?.string
    }
    if let name { return source(name) }
    return (hasTools ? source("tool_use") : nil) ?? source("default")
  }
}
