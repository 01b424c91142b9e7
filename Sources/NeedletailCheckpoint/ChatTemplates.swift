import NeedletailJSON

/// The chat templates of a model directory, wherever its age put them.
///
/// `chat_template.jinja` comes first, then `chat_template.json`, then `chat_template` of `tokenizer_config.json`, which is
/// a text or a list of `{"name", "template"}` whose `default` is the main one.
struct ChatTemplates {
  var main: String?
  var named: [(name: String, template: String)] = []

  init(directory: String, tokenizerConfig: JSON?) throws(CheckpointError) {
    let jinja = FileSystem.join(directory, "chat_template.jinja")
    if FileSystem.kind(jinja) != nil {
      let bytes = try FileSystem.read(jinja, limit: ModelDirectory.maximumTemplateBytes)
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw CheckpointError(jinja, "is not valid UTF-8")
      }
      main = text
      return
    }
    let limit = ModelDirectory.maximumTemplateBytes
    if let json = try ModelDirectory.readOptional(directory, "chat_template.json", limit: limit) {
      let path = FileSystem.join(directory, "chat_template.json")
      guard let value = json["chat_template"] else { throw CheckpointError(path, "has no chat_template") }
      try read(value, path: path)
    } else if let value = tokenizerConfig?["chat_template"] {
      try read(value, path: FileSystem.join(directory, "tokenizer_config.json"))
    }
  }

  private mutating func read(_ value: JSON, path: String) throws(CheckpointError) {
    switch value {
    case .null: break
    case .string(let text): main = try checked(text, path)
    case .array(let elements):
      for element in elements {
        guard let name = element["name"]?.string, let template = element["template"]?.string else {
          throw CheckpointError(path, "chat_template is a list with an element that has no name and template")
        }
        if name.utf8.elementsEqual("default".utf8) {
          main = try checked(template, path)
        } else {
          named.append((name, try checked(template, path)))
        }
      }
    default:
      throw CheckpointError(path, "chat_template is \(value.typeName) and should be a string or a list of templates")
    }
  }

  private func checked(_ template: String, _ path: String) throws(CheckpointError) -> String {
    let limit = ModelDirectory.maximumTemplateBytes
    guard template.utf8.count <= limit else {
      throw CheckpointError(path, "chat_template has \(template.utf8.count) bytes, more than the \(limit) allowed")
    }
    return template
  }
}
