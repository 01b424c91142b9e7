import NeedletailJSON
import NeedletailRuntime
import NeedletailTokenizer

extension LLM {
  /// The token ids of a text, with the model's own tokens around it.
  /// - Throws: `LoadError` where the model has no tokenizer, or the text is empty and gives no token.
  public func encode(_ text: String) throws -> [Int32] {
    guard let tokenizer else { throw LoadError("\(path) has no tokenizer; give token ids instead of text") }
    let ids = tokenizer.encode(text)
    guard !ids.isEmpty else { throw RequestRefusal("The prompt is empty; it must have at least one token.") }
    return ids
  }

  /// The token ids of a conversation, through the model's chat template, ready for an answer.
  /// - Throws: `LoadError` where the model has no template or no tokenizer, `ChatTemplateError` where the template refuses.
  public func encode(messages: [ChatMessage], tools: [JSON]? = nil) throws -> [Int32] {
    guard let tokenizer else { throw LoadError("\(path) has no tokenizer; give token ids instead of messages") }
    guard let chatTemplate else { throw LoadError("\(path) has no chat template; give a plain prompt instead") }
    let text = try chatTemplate.render(
      messages: messages.map(\.json), tools: tools, addGenerationPrompt: true, specialTokens: specialTokens)
    let ids = tokenizer.encode(text, addSpecialTokens: false)
    guard !ids.isEmpty else { throw RequestRefusal("The conversation is empty; it must have at least one token.") }
    return ids
  }

  /// Starts a request and gives its events: tokens with their text, then the end.
  /// - Parameters:
  ///   - priority: lower ones are more urgent.
  ///   - cacheSalt: with whom it shares what its prompt begins with: requests of the same salt.
  public func events(
    _ prompt: [Int32], options: SamplingOptions? = nil, priority: Int = 0, cacheSalt: String = ""
  ) throws -> RequestStream {
    try engine.submit(try request(prompt, options: options, priority: priority, cacheSalt: cacheSalt))
  }

  /// What the engine is asked for.
  func request(
    _ prompt: [Int32], options: SamplingOptions?, priority: Int, cacheSalt: String
  ) throws -> GenerationRequest {
    let options = options ?? defaultOptions
    if tokenizer == nil, !options.stopStrings.isEmpty {
      throw LoadError("\(path) has no tokenizer, so stop strings cannot be found; give stop token ids")
    }
    let observer = tokenizer.map { TextObserver($0.detokenizer(), options: options) }
    return GenerationRequest(
      prompt: prompt, options: options, endTokens: endTokens, priority: priority, cacheSalt: cacheSalt,
      observer: observer)
  }

  /// Continues a text, piece by piece.
  public func stream(_ prompt: String, options: SamplingOptions? = nil) throws -> TextStream {
    TextStream(events: try events(try encode(prompt), options: options))
  }

  /// Answers a conversation, piece by piece.
  public func stream(messages: [ChatMessage], options: SamplingOptions? = nil) throws -> TextStream {
    TextStream(events: try events(try encode(messages: messages), options: options))
  }

  /// Continues a text to its end.
  public func generate(_ prompt: String, options: SamplingOptions? = nil) async throws -> Generation {
    try await generate(try encode(prompt), options: options)
  }

  /// Continues token ids to their end.
  public func generate(_ prompt: [Int32], options: SamplingOptions? = nil) async throws -> Generation {
    var generation = Generation()
    generation.promptTokenIDs = prompt
    for try await event in try events(prompt, options: options) { generation.add(event) }
    return generation
  }

  /// Continues several texts at once; the results stand in the order of the prompts.
  ///
  ///     let answers = try await llm.generate(["One", "Two"])
  public func generate(_ prompts: [String], options: SamplingOptions? = nil) async throws -> [Generation] {
    // All are submitted before any is waited for, so that they share steps.
    let encoded = try prompts.map(encode)
    let streams = try encoded.map { try events($0, options: options) }
    var generations: [Generation] = []
    for (prompt, stream) in zip(encoded, streams) {
      var generation = Generation()
      generation.promptTokenIDs = prompt
      for try await event in stream { generation.add(event) }
      generations.append(generation)
    }
    return generations
  }

  /// A conversation that keeps its history.
  public func session(system: String? = nil, options: SamplingOptions? = nil) -> ChatSession {
    ChatSession(self, messages: system.map { [.system($0)] } ?? [], options: options ?? defaultOptions)
  }
}
