/// What an executor can take in one step and hold in its cache; fixed when its plan was made.
public struct ExecutorLimits: Sendable, Hashable {
  /// Tokens in one step.
  public var tokensPerStep: Int
  /// Sequences in one step.
  public var maximumSequences: Int
  /// Rows of logits in one step.
  public var maximumScoredRows: Int
  /// Tokens in one block of the cache; at least 1.
  public var blockSize: Int
  /// Blocks in the cache.
  public var blockCount: Int
  /// Tokens of one sequence, prompt and output together.
  public var maximumSequenceLength: Int
  /// Entries in a row of logits; token ids are `0 ..< vocabularySize`.
  public var vocabularySize: Int
  /// Numbers in a hidden row; nil where the executor gives none.
  public var hiddenSize: Int?
  /// Most likely tokens that can be listed beside a chosen one.
  public var maximumTopTokens: Int
  /// Steps that may be submitted before the first of them is waited for: 1, or 2 where the sampled token feeds the next
  /// step on the device (`StepBatch.carried`).
  public var stepsInFlight: Int

  /// Limits as given. Every size is at least 1; `stepsInFlight` is 1 or 2.
  public init(
    tokensPerStep: Int, maximumSequences: Int, maximumScoredRows: Int, blockSize: Int, blockCount: Int,
    maximumSequenceLength: Int, vocabularySize: Int, hiddenSize: Int? = nil, maximumTopTokens: Int = 20,
    stepsInFlight: Int = 1
  ) {
    self.tokensPerStep = tokensPerStep
    self.maximumSequences = maximumSequences
    self.maximumScoredRows = maximumScoredRows
    self.blockSize = blockSize
    self.blockCount = blockCount
    self.maximumSequenceLength = maximumSequenceLength
    self.vocabularySize = vocabularySize
    self.hiddenSize = hiddenSize
    self.maximumTopTokens = maximumTopTokens
    self.stepsInFlight = stepsInFlight
  }

  /// Tokens the whole cache holds.
  public var cacheTokens: Int { blockCount * blockSize }
}
