import Glibc
import Needletail
import NeedletailTesting

extension GPUCheck {
  /// The trained models against the float32 reference: tokens and text up to the first margin of 0.1 or less.
  static func demoReferences(_ folder: String) -> [GPUCheck] {
    ["needle-5m", "needle-40m"].flatMap { name -> [GPUCheck] in
      let path = folder + "/" + name
      @Sendable func cases() throws -> [ReferenceCase] {
        guard Files.exists(path + "/model.safetensors"), Files.exists(path + "/reference.json") else {
          throw CheckSkipped(description: "\(path) with its reference.json is not there")
        }
        return try ReferenceCase.all(path + "/reference.json")
      }
      return [
        GPUCheck("demo/\(name)/reference") { _ in
          let cases = try cases()
          return try blocking { try await compare(path, cases) }
        },
        GPUCheck("demo/\(name)/run") { _ in try run(path, try cases()) },
      ]
    }
  }

  /// All prompts as `needletail run` takes them, at once.
  private static func compare(_ path: String, _ cases: [ReferenceCase]) async throws -> String {
    var options = LoadOptions()
    options.device = .cuda
    options.limits.maximumSequenceLength = 512
    let llm = try await LLM(path, options: options)
    var decided = 0
    for reference in cases {
      try expect(
        try reference.messages.isEmpty
          ? llm.encode(reference.prompt) == reference.promptIDs
          : llm.encode(messages: reference.messages) == reference.promptIDs, "\"\(reference.prompt)\": other ids")
      let count = reference.decidedCount
      decided += count
      let found = try await llm.greedy(reference.promptIDs, count: 64)
      try expect(
        found.prefix(count) == reference.tokens.prefix(count),
        "\"\(reference.prompt)\": tokens \(found), expected \(reference.tokens.prefix(count))")
    }
    return "\(cases.count) prompts, \(decided) tokens as in the reference"
  }

  /// What the program prints.
  private static func run(_ path: String, _ cases: [ReferenceCase]) throws -> String {
    let program = ProgramFolder.path + "/needletail"
    guard access(program, X_OK) == 0 else { throw CheckSkipped(description: "\(program) is not there") }
    let llm = try LLM(blocking: path, options: SmallModel(directory: path).options)
    var characters = 0
    for isChat in [false, true] {
      guard
        let reference = cases.filter({ $0.messages.count == (isChat ? 1 : 0) })
          .max(by: { $0.decidedCount < $1.decidedCount })
      else { throw CheckFailure(description: "the reference has no such prompt") }
      var words = ["run", "--device", "cuda", "--model", path, "--max-tokens", "64", "--temperature", "0"]
      words += ["--prompt", isChat ? reference.messages[0].content : reference.prompt] + (isChat ? ["--chat"] : [])
      let process = try ChildProcess(program: program, words)
      let text = try process.end(seconds: 30)
      // An answer ends ahead of its end token.
      let tokens = reference.tokens.prefix(reference.decidedCount).prefix { !llm.endTokens.contains($0) }
      var expected = llm.tokenizer?.decode(Array(tokens)) ?? ""
      // Characters that the next token goes on with.
      while expected.hasSuffix("\u{FFFD}") { expected.removeLast() }
      try expect(
        !expected.isEmpty && text.hasPrefix(expected),
        "\"\(reference.prompt)\": the text is \"\(text)\", expected \"\(expected)\"; \(process.errors)")
      characters += expected.count
    }
    return "\(characters) characters as in the reference"
  }
}

/// A prompt with what `transformers` computes of it in float32.
struct ReferenceCase: Sendable {
  var prompt: String
  var messages: [ChatMessage]
  var promptIDs: [Int32]
  var tokens: [Int32]
  /// Best minus second-best logit of each token.
  var margins: [Float]

  /// Tokens that another type gives, too: those ahead of the first small margin.
  var decidedCount: Int { GoldenRules.decidedCount(margins, .bfloat16) }

  static func all(_ path: String) throws -> [ReferenceCase] {
    let json = try JSON.parse(try Files.read(path))
    func numbers(_ json: JSON?) throws -> [Double] {
      guard let array = json?.array else { throw CheckFailure(description: "\(path) lacks numbers") }
      return array.compactMap(\.double)
    }
    return try (json["cases"]?.array ?? []).map { value in
      ReferenceCase(
        prompt: value["prompt"]?.string ?? "",
        messages: (value["messages"]?.array ?? []).map {
          ChatMessage(role: $0["role"]?.string ?? "", content: $0["content"]?.string ?? "")
        },
        promptIDs: try numbers(value["prompt_ids"]).map { Int32($0) },
        tokens: try numbers(value["greedy_ids"]).map { Int32($0) },
        margins: try numbers(value["margins"] ?? value["top1_top2_margins"]).map { Float($0) })
    }
  }
}
