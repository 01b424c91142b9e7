import ArgumentParser

/// `needletail eval`: measures a model's quality, or writes its logits for a comparison.
struct EvalCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval", abstract: "Measure perplexity, or write logits to compare.",
    subcommands: [EvalPerplexityCommand.self, EvalLogitsCommand.self])
}
