import Needletail

/// Where a prompt comes from; checked before a model is loaded.
struct PromptInput {
  enum Source {
    case text(String)
    case tokenIDs([Int32])
  }

  let source: Source
  let isChat: Bool
  let system: String?

  init(text: String?, file: String?, tokenIDs: NumberList?, isChat: Bool, system: String?) throws {
    let count = [text != nil, file != nil, tokenIDs != nil].count { $0 }
    guard count <= 1 else { throw UsageError("give one of --prompt, --prompt-file and --token-ids") }
    guard !(isChat && tokenIDs != nil) else { throw UsageError("--chat needs a text, not --token-ids") }
    guard isChat || system == nil else { throw UsageError("--system needs --chat") }
    self.isChat = isChat
    self.system = system
    if let tokenIDs {
      source = .tokenIDs(try tokenIDs.tokenIDs("--token-ids"))
    } else if let text {
      source = .text(text)
    } else {
      guard file != nil || !Terminal.isInteractive else {
        throw UsageError("there is no prompt; give --prompt, --prompt-file or --token-ids")
      }
      source = .text(try Files.text(file ?? "-"))
    }
    if case .text(let text) = source, text.isEmpty { throw UsageError("the prompt is empty; give some text") }
  }

  func tokenIDs(of llm: LLM) throws -> [Int32] {
    switch source {
    case .tokenIDs(let ids): return ids
    case .text(let text) where isChat:
      return try llm.encode(messages: (system.map { [.system($0)] } ?? []) + [.user(text)])
    case .text(let text): return try llm.encode(text)
    }
  }
}
