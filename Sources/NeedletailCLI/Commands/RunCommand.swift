import ArgumentParser
import Needletail

/// `needletail run`: continues a prompt, or answers a message, and streams the text.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Continue a prompt and stream the text.",
    discussion: """
      Without --prompt, --prompt-file or --token-ids the prompt is read from standard input. Without --model the demo \
      model is used. The text goes to standard output, one line of figures to standard error.
      """)

  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Sampling") var sampling: SamplingArguments
  @Option(help: "The prompt.")
  var prompt: String?
  @Option(help: ArgumentHelp("A file with the prompt; - is standard input.", valueName: "file"))
  var promptFile: String?
  @Option(help: ArgumentHelp("The prompt as token ids: 1,2,3.", valueName: "ids"))
  var tokenIds: NumberList?
  @Flag(help: "The prompt is a message, answered through the model's chat template.")
  var chat = false
  @Option(help: ArgumentHelp("What the model should be, with --chat.", valueName: "text"))
  var system: String?
  @Flag(help: "Print one JSON object when the answer is complete.")
  var json = false

  func run() async throws {
    let input = try PromptInput(text: prompt, file: promptFile, tokenIDs: tokenIds, isChat: chat, system: system)
    let start = ContinuousClock.now
    let llm = try await model.load()
    let loadTime = ContinuousClock.now - start
    let ids = try input.tokenIDs(of: llm)
    let options = try sampling.options(llm.defaultOptions)
    let streams = !json
    let answer = try await Interrupt.cancelling {
      try await Answer.collect(llm, prompt: ids, options: options, streams: streams)
    }
    if json {
      Terminal.line(answer.result.json(loadTime: loadTime, llm).text())
    } else {
      if !answer.result.endsLine { Terminal.line() }
      answer.result.printProbabilities(llm.tokenizer)
      Terminal.error(answer.result.summary(device: llm.deviceSummary))
      if model.verbose, let steps = llm.stepSentence { Terminal.error(steps) }
    }
    if answer.isInterrupted { throw ExitCode(130) }
  }
}

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
