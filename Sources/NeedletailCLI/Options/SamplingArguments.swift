import ArgumentParser
import Needletail

/// How tokens are chosen and when an answer ends; what is not given is as the model's generation_config.json says.
struct SamplingArguments: ParsableArguments {
  // Numbers are parsed unconditionally: a negative one would be taken for an option's name.

  @Option(parsing: .unconditional, help: "Most tokens of the answer.")
  var maxTokens: Int?
  @Option(parsing: .unconditional, help: "No end before this many tokens.")
  var minTokens: Int?
  @Option(parsing: .unconditional, help: "Logits are divided by it; 0 takes the likeliest token.")
  var temperature: Float?
  @Option(parsing: .unconditional, help: "Choose among this many of the likeliest tokens; 0: all.")
  var topK: Int?
  @Option(parsing: .unconditional, help: "Choose among the fewest tokens whose probabilities reach this sum.")
  var topP: Float?
  @Option(parsing: .unconditional, help: "Leave out tokens less likely than this fraction of the likeliest.")
  var minP: Float?
  @Option(help: "The same seed gives the same answer.")
  var seed: UInt64?
  @Option(parsing: .unconditional, help: "Divides the logits of tokens that occurred; 1: off.")
  var repetitionPenalty: Float?
  @Option(parsing: .unconditional, help: "Subtracted from the logits of tokens of the answer, -2 to 2.")
  var presencePenalty: Float?
  @Option(parsing: .unconditional, help: "The same for each time a token occurs in the answer, -2 to 2.")
  var frequencyPenalty: Float?
  @Option(help: ArgumentHelp("The answer ends before this text; may be repeated.", valueName: "text"))
  var stop: [String] = []
  @Option(help: ArgumentHelp("The answer ends with one of these tokens.", valueName: "ids"))
  var stopTokenIds: NumberList?
  @Option(help: ArgumentHelp("Added to a token's logit; -inf bans it; may be repeated.", valueName: "id=value"))
  var logitBias: [TokenBias] = []
  @Option(help: "Report log-probabilities of the chosen and of this many of the likeliest tokens.")
  var logprobs: Int?
  @Option(
    help: "Report log-probabilities of the prompt's tokens, too, and of this many of the likeliest at their places.")
  var promptLogprobs: Int?
  @Flag(help: "End tokens are ordinary ones.")
  var ignoreEos = false

  /// The model's defaults with what was given.
  func options(_ defaults: SamplingOptions) throws -> SamplingOptions {
    var options = defaults
    if let maxTokens { options.maximumTokens = maxTokens }
    if let minTokens {
      options.minimumTokens = minTokens
    } else {
      // A default that does not fit what was asked for would be an error about an option nobody gave.
      options.minimumTokens = min(options.minimumTokens, options.maximumTokens ?? .max)
    }
    if let temperature { options.temperature = temperature }
    if let topK { options.topK = topK }
    if let topP { options.topP = topP }
    if let minP { options.minP = minP }
    options.seed = seed ?? options.seed
    if let repetitionPenalty { options.repetitionPenalty = repetitionPenalty }
    if let presencePenalty { options.presencePenalty = presencePenalty }
    if let frequencyPenalty { options.frequencyPenalty = frequencyPenalty }
    options.stopStrings += stop
    options.stopTokenIDs += try stopTokenIds?.tokenIDs("--stop-token-ids") ?? []
    for bias in logitBias { options.logitBias[bias.token] = bias.bias }
    options.logProbabilities = logprobs ?? options.logProbabilities
    options.promptLogProbabilities = promptLogprobs ?? options.promptLogProbabilities
    if ignoreEos { options.ignoresEndOfSequence = true }
    return options
  }
}
