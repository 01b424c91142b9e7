extension Scheduler {
  /// What steps and the cache can hold.
  public struct Limits: Sendable, Hashable {
    /// Tokens in one step.
    public var tokensPerStep: Int
    /// Tokens of one prompt in one step.
    public var tokensPerPrefillChunk: Int
    /// Requests admitted at the same time.
    public var maximumSequences: Int
    /// Rows of logits in one step.
    public var maximumScoredRows: Int
    /// Tokens of one request, prompt and output together.
    public var maximumSequenceLength: Int
    /// Tokens in a block of the cache.
    public var blockSize: Int
    /// Blocks of the cache.
    public var blockCount: Int
    /// Steps scheduled before the first of them is completed, 1 or 2.
    public var stepsInFlight: Int
    /// Which requests are admitted.
    public var policy: CapacityPolicy

    /// Limits as given.
    public init(
      tokensPerStep: Int, tokensPerPrefillChunk: Int? = nil, maximumSequences: Int, maximumScoredRows: Int,
      maximumSequenceLength: Int, blockSize: Int, blockCount: Int, stepsInFlight: Int = 1,
      policy: CapacityPolicy = .maxUtilization
    ) {
      self.tokensPerStep = tokensPerStep
      self.tokensPerPrefillChunk = tokensPerPrefillChunk ?? tokensPerStep
      self.maximumSequences = maximumSequences
      self.maximumScoredRows = maximumScoredRows
      self.maximumSequenceLength = maximumSequenceLength
      self.blockSize = blockSize
      self.blockCount = blockCount
      self.stepsInFlight = stepsInFlight
      self.policy = policy
    }

    /// The limits of an executor, with a smaller chunk of prompts if given.
    public init(
      _ executor: ExecutorLimits, tokensPerPrefillChunk: Int? = nil, policy: CapacityPolicy = .maxUtilization
    ) {
      self.init(
        tokensPerStep: executor.tokensPerStep, tokensPerPrefillChunk: tokensPerPrefillChunk,
        maximumSequences: executor.maximumSequences, maximumScoredRows: executor.maximumScoredRows,
        maximumSequenceLength: executor.maximumSequenceLength, blockSize: executor.blockSize,
        blockCount: executor.blockCount, stepsInFlight: executor.stepsInFlight, policy: policy)
    }

    /// Most positions that one request can ever have in the cache.
    public var cacheTokens: Int { blockCount * blockSize }

    func checkInvariants() {
      precondition(tokensPerStep > 0, "tokensPerStep: \(tokensPerStep)")
      precondition(tokensPerPrefillChunk > 0, "tokensPerPrefillChunk: \(tokensPerPrefillChunk)")
      precondition(maximumScoredRows > 0, "maximumScoredRows: \(maximumScoredRows)")
      precondition(maximumSequenceLength > 0, "maximumSequenceLength: \(maximumSequenceLength)")
      precondition(stepsInFlight == 1 || stepsInFlight == 2, "stepsInFlight: \(stepsInFlight)")
    }

    /// Throws a sentence when `request` could not run even alone.
    public func check(_ request: Request) throws(RequestRefusal) {
      let prompt = request.promptCount
      guard prompt > 0 else { throw RequestRefusal("The prompt has no tokens.") }
      guard prompt <= maximumSequenceLength - (request.maximumTokens > 0 ? 1 : 0) else {
        throw RequestRefusal(
          "The prompt has \(prompt) tokens, but a sequence may have \(maximumSequenceLength), prompt and output together."
        )
      }
      guard request.maximumTokens >= 0, request.maximumTokens <= maximumSequenceLength - prompt else {
        throw RequestRefusal(
          "A prompt of \(prompt) tokens and \(request.maximumTokens) new ones are more than the "
            + "\(maximumSequenceLength) that a sequence may have.")
      }
      guard request.cacheTokens <= cacheTokens else {
        throw RequestRefusal(
          "A prompt of \(prompt) tokens and \(request.maximumTokens) new ones never fit the cache, which holds "
            + "\(cacheTokens) tokens; ask for fewer tokens or start with a larger cache.")
      }
      guard request.scored.lowerBound >= 0, request.scored.upperBound <= prompt else {
        throw RequestRefusal("Positions \(request.scored) are to be scored, but the prompt has 0 ..< \(prompt).")
      }
    }
  }
}
