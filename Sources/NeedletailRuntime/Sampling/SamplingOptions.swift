/// How the tokens of one request are chosen, and when it stops.
///
///     var options = SamplingOptions.greedy
///     options.maximumTokens = 64
///     options.temperature = 0.8
///     options.topP = 0.95
///     options.seed = 7            // the same text every time, whatever else runs
///
/// Order of application, as in the field: bias and bans, mask, penalties; temperature; top-k, top-p, min-p over what the
/// earlier ones left; one draw. Log-probabilities are those of the model's own distribution, before all of these.
public struct SamplingOptions: Sendable, Hashable {
  /// Most tokens to generate. nil: until the sequence is as long as the engine allows. The sequence's length limits it in
  /// any case. With `CapacityPolicy.guaranteedNoEvict`, smaller values let more requests run at once.
  /// 0: the prompt is only scored. Default 256.
  public var maximumTokens: Int? = 256
  /// End-of-sequence and stop tokens are not chosen, and stop strings do not stop, before this many tokens. Default 0.
  public var minimumTokens = 0
  /// Logits are divided by it; 0 chooses the most likely token (ties: the lower id). Default 1.
  public var temperature: Float = 1
  /// Choose among this many of the most likely tokens; 0: among all. Default 0.
  public var topK = 0
  /// Choose among the fewest tokens whose probabilities sum to it, in 0 < p <= 1. Default 1, all.
  public var topP: Float = 1
  /// Tokens less likely than this fraction of the likeliest are not chosen, in 0 ... 1. Default 0.
  public var minP: Float = 0
  /// Positive logits of tokens in the prompt or output are divided by it, negative ones multiplied. Default 1, off.
  public var repetitionPenalty: Float = 1
  /// Subtracted from the logits of tokens in the output, in -2 ... 2. Default 0.
  public var presencePenalty: Float = 0
  /// Subtracted from the logits of tokens in the output for each time they occur there, in -2 ... 2. Default 0.
  public var frequencyPenalty: Float = 0
  /// The same seed gives the same tokens, whatever else runs. nil: drawn at random when the request is submitted.
  public var seed: UInt64?
  /// The output ends before the first of these texts, none of them empty.
  public var stopStrings: [String] = []
  /// The output ends with the first of these tokens.
  public var stopTokenIDs: [Int32] = []
  /// The text keeps the stop string, and that of the stop token. Default false.
  public var includesStop = false
  /// The end-of-sequence token is an ordinary one. Default false.
  public var ignoresEndOfSequence = false
  /// Added to the logits of these tokens; -infinity bans one.
  public var logitBias: [Int32: Float] = [:]
  /// Report the chosen token's log-probability and this many of the most likely tokens'. nil: none. Default nil.
  public var logProbabilities: Int?
  /// The same for each token of the prompt but the first. Default nil.
  public var promptLogProbabilities: Int?

  /// The defaults: 256 tokens drawn from the model's own distribution.
  public init() {}

  /// Always the most likely token.
  public static var greedy: SamplingOptions {
    var options = SamplingOptions()
    options.temperature = 0
    return options
  }

  /// Whether a penalty that needs the tokens so far is on.
  var hasPenalties: Bool { repetitionPenalty != 1 || presencePenalty != 0 || frequencyPenalty != 0 }
}
