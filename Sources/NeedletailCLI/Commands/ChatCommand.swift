import ArgumentParser
import Needletail

/// `needletail chat`: a conversation in the terminal.
struct ChatCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat", abstract: "Talk with a model in the terminal.",
    discussion: "Ctrl-C stops an answer, /exit or Ctrl-D ends the conversation, /help lists what else can be said.")

  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Sampling") var sampling: SamplingArguments
  @Option(help: ArgumentHelp("What the model should be.", valueName: "text"))
  var system: String?

  private static let help = """
    /reset  forget the conversation
    /exit   end it
    /help   this list
    Ctrl-C stops an answer. A line that ends with \\ goes on in the next one.
    """

  func run() async throws {
    let llm = try await model.load()
    let options = try sampling.options(llm.defaultOptions)
    guard llm.chatTemplate != nil else {
      throw UsageError("\(llm.path) has no chat template; use needletail run for a plain prompt")
    }
    let session = llm.session(system: system, options: options)
    if Terminal.isInteractive {
      Terminal.error("\(llm.path), \(llm.deviceSummary). /help lists the commands.")
    }
    while let line = Self.readMessage() {
      switch line {
      case "": continue
      case "/exit", "/quit": return
      case "/help": Terminal.error(Self.help)
      case "/reset":
        await session.reset()
        Terminal.error("(forgotten)")
      case _ where line.hasPrefix("/"): Terminal.error("there is no command \(line); /help lists the commands")
      default: try await answer(line, session)
      }
    }
    if Terminal.isInteractive { Terminal.error("") }
  }

  private func answer(_ message: String, _ session: ChatSession) async throws {
    do {
      _ = try await Interrupt.cancelling {
        let pieces = try await session.stream(message)
        for try await piece in pieces { Terminal.write(piece) }
      }
      Terminal.line()
    } catch is CancellationError {
      Terminal.line()
    } catch let refusal as RequestRefusal {
      // The conversation has grown too long, or a message cannot be taken: say so and go on.
      Terminal.error("\(refusal) /reset forgets the conversation.")
    }
  }

  /// A message: a line, and those after it while they end with a backslash; nil at the end of the input.
  private static func readMessage() -> String? {
    var message = ""
    if Terminal.isInteractive { Terminal.errorText("\n> ") }
    while let line = readLine() {
      guard line.hasSuffix("\\") else { return message + line }
      message += line.dropLast() + "\n"
      if Terminal.isInteractive { Terminal.errorText("… ") }
    }
    return message.isEmpty ? nil : message
  }
}
