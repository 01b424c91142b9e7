import NeedletailJSON

/// One message of a conversation.
///
///     let messages: [ChatMessage] = [.system("Answer briefly."), .user("Why is the sky blue?")]
public struct ChatMessage: Sendable, Hashable {
  /// Who speaks: "system", "user", "assistant", "tool", or what else the template knows.
  public var role: String
  /// What is said.
  public var content: String
  /// Further fields that templates read (tool calls, names).
  public var extra: JSONObject

  /// A message.
  public init(role: String, content: String, extra: JSONObject = JSONObject()) {
    self.role = role
    self.content = content
    self.extra = extra
  }

  /// What the model should be.
  public static func system(_ content: String) -> ChatMessage { ChatMessage(role: "system", content: content) }
  /// What a person says.
  public static func user(_ content: String) -> ChatMessage { ChatMessage(role: "user", content: content) }
  /// What the model said.
  public static func assistant(_ content: String) -> ChatMessage { ChatMessage(role: "assistant", content: content) }

  /// The message as templates see it.
  public var json: JSON {
    var object = JSONObject([("role", .string(role)), ("content", .string(content))])
    for member in extra { object[member.key] = member.value }
    return .object(object)
  }
}
