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
  @Option(name: .customLong("n"), help: "Answers to the prompt, which is computed once.")
  var count = 1
  @Option(help: "Answers that are made, of which the --n likeliest are printed.")
  var bestOf: Int?
  @Flag(help: "Print one JSON object when the answer is complete.")
  var json = false

  func run() async throws {
    let input = try PromptInput(text: prompt, file: promptFile, tokenIDs: tokenIds, isChat: chat, system: system)
    guard (1...LLM.maximumChoices).contains(count), (count...LLM.maximumChoices).contains(bestOf ?? count) else {
      throw UsageError("--n must be 1 to \(LLM.maximumChoices), and --best-of from --n to \(LLM.maximumChoices)")
    }
    let start = ContinuousClock.now
    let llm = try await model.load()
    let loadTime = ContinuousClock.now - start
    let ids = try input.tokenIDs(of: llm)
    let options = try sampling.options(llm.defaultOptions)
    if count > 1 || bestOf ?? 1 > 1 { return try await printChoices(llm, ids, options, loadTime: loadTime) }
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
