import Needletail
import NeedletailTokenizer

extension Answer {
  /// "logprobs" and "prompt_logprobs", where they were asked for.
  func probabilities(_ tokenizer: Tokenizer?) -> [(String, JSON)] {
    func entry(_ own: TokenProbability, _ top: [TokenProbability]) -> JSON {
      var entry = own.json(tokenizer)
      entry["top_logprobs"] = .array(top.map { .object($0.json(tokenizer)) })
      return .object(entry)
    }
    var lists: [(String, JSON)] = []
    if tokens.contains(where: { $0.logProbability != nil }) {
      let entries = tokens.map {
        entry(TokenProbability(id: $0.id, logProbability: $0.logProbability ?? .nan), $0.top)
      }
      lists.append(("logprobs", .array(entries)))
    }
    // Nothing stands before the first token.
    if !promptTokens.isEmpty {
      lists.append(("prompt_logprobs", .array([.null] + promptTokens.map { entry($0.token, $0.top) })))
    }
    return lists
  }

  /// Writes a line for each token whose log-probability is known.
  func printProbabilities(_ tokenizer: Tokenizer?) {
    func show(_ all: [TokenProbability]) {
      let shown = all.map { entry in
        let name = tokenizer.map { JSON.string($0.decode([entry.id])).text() } ?? String(entry.id)
        return "\(name) \(Show.fixed(Double(entry.logProbability), 3))"
      }
      Terminal.line(shown[0] + (shown.count > 1 ? "  of  " + shown.dropFirst().joined(separator: "  ") : ""))
    }
    for token in promptTokens { show([token.token] + token.top) }
    for token in tokens {
      guard let logProbability = token.logProbability else { continue }
      show([TokenProbability(id: token.id, logProbability: logProbability)] + token.top)
    }
  }
}

extension TokenProbability {
  fileprivate func json(_ tokenizer: Tokenizer?) -> JSONObject {
    JSONObject([
      ("id", .int(Int(id))), ("token", tokenizer.map { .string($0.decode([id])) } ?? .null),
      ("logprob", .double(Double(logProbability))),
    ])
  }
}
