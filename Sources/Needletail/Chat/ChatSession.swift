import NeedletailRuntime

/// A conversation that keeps its history.
///
///     let session = llm.session(system: "Answer briefly.")
///     for try await piece in try await session.stream("Why is the sky blue?") { print(piece, terminator: "") }
///     let answer = try await session.respond(to: "And at night?")
///
/// An answer joins the history when it has been read to its end; one that was left unread, or failed, does not, and
/// neither does its question.
public actor ChatSession {
  /// The messages so far.
  public private(set) var messages: [ChatMessage]
  /// How answers are drawn.
  public var options: SamplingOptions
  private let llm: LLM

  init(_ llm: LLM, messages: [ChatMessage], options: SamplingOptions) {
    self.llm = llm
    self.messages = messages
    self.options = options
  }

  /// Changes how further answers are drawn.
  public func setOptions(_ options: SamplingOptions) { self.options = options }

  /// Forgets all messages but the system's.
  public func reset() { messages.removeAll { $0.role != "system" } }

  /// Answers a message, piece by piece.
  /// - Throws: `LoadError` where the model has no chat template, `RequestRefusal` where the conversation is too long.
  public func stream(_ text: String) throws -> ChatStream {
    let question = ChatMessage.user(text)
    return ChatStream(
      pieces: try llm.stream(messages: messages + [question], options: options), session: self, question: question)
  }

  /// An answer has been read to its end.
  func record(_ question: ChatMessage, _ answer: String) { messages += [question, .assistant(answer)] }

  /// Answers a message.
  public func respond(to text: String) async throws -> String {
    var answer = ""
    for try await piece in try stream(text) { answer += piece }
    return answer
  }
}
