import ArgumentParser
import Needletail

/// The command line: one subcommand a file in `Commands`.
@main
struct NeedletailCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "needletail",
    abstract: "Compiles and runs large language models.",
    discussion: """
      Results go to standard output, progress and figures to standard error. Exit codes: 0 when all went well, 1 for a \
      failure while running, 2 for a file or value that cannot be used, 64 for an option that does not exist.
      """,
    version: Version.text,
    subcommands: [
      RunCommand.self, ChatCommand.self, BuildCommand.self, QuantizeCommand.self, BenchCommand.self, EvalCommand.self,
      EmbedCommand.self, InspectCommand.self, ModelsCommand.self, DoctorCommand.self, KernelsCommand.self,
      TokenizeCommand.self,
    ])

  /// Runs the subcommand that the arguments name, and turns what it throws into a sentence and an exit code.
  static func main() async {
    _ = ProcessStart.instant
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      Failure.exit(with: error)
    }
    Failure.end(0)
  }
}

/// The version of the command line and of what it writes into results.
enum Version {
  static let text = NeedletailVersion.text
}

/// When this process began to run.
enum ProcessStart {
  static let instant = ContinuousClock.now
}
