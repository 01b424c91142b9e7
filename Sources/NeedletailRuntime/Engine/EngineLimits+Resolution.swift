extension EngineLimits {
  /// What a kind of device takes when nothing is said.
  public struct DeviceDefaults: Sendable, Hashable {
    /// Tokens in one step.
    public var tokensPerStep: Int
    /// Requests at the same time.
    public var maximumSequences: Int
    /// Tokens in a block of the cache.
    public var blockSize: Int
    /// Steps submitted before the first is waited for.
    public var stepsInFlight: Int

    /// Defaults as given.
    public init(tokensPerStep: Int, maximumSequences: Int, blockSize: Int, stepsInFlight: Int) {
      self.tokensPerStep = tokensPerStep
      self.maximumSequences = maximumSequences
      self.blockSize = blockSize
      self.stepsInFlight = stepsInFlight
    }

    /// 512 tokens a step, 64 requests, blocks of 16; the host waits for each step.
    public static let cpu = DeviceDefaults(tokensPerStep: 512, maximumSequences: 64, blockSize: 16, stepsInFlight: 1)
    /// 8,192 tokens a step, 256 requests, blocks of 64; the host is a step ahead.
    public static let cuda = DeviceDefaults(tokensPerStep: 8192, maximumSequences: 256, blockSize: 64, stepsInFlight: 2)
  }

  /// What a model asks of its cache.
  public struct ModelSize: Sendable, Hashable {
    /// Most tokens of a sequence.
    public var maximumSequenceLength: Int
    /// Entries in a row of logits.
    public var vocabularySize: Int
    /// Bytes of keys and values of one token, over all layers.
    public var cacheBytesPerToken: Int

    /// A model as given; every number is at least 1.
    public init(maximumSequenceLength: Int, vocabularySize: Int, cacheBytesPerToken: Int) {
      self.maximumSequenceLength = maximumSequenceLength
      self.vocabularySize = vocabularySize
      self.cacheBytesPerToken = cacheBytesPerToken
    }
  }

  /// Puts a number to everything: what is given here, else what suits the device, the model and its memory.
  /// - Parameter freeBytes: memory that the cache may take when neither its tokens nor its bytes are given.
  /// - Throws: a sentence when a value makes no sense or the cache cannot hold one block.
  public func resolved(
    for model: ModelSize, on device: DeviceDefaults, freeBytes: Int
  ) throws(RequestRefusal) -> ExecutorLimits {
    try validate()
    let blockSize = self.blockSize ?? device.blockSize
    let sequences = maximumSequences ?? device.maximumSequences
    if let length = maximumSequenceLength, length > model.maximumSequenceLength {
      throw RequestRefusal(
        "maximumSequenceLength is \(length), but the model was made for \(model.maximumSequenceLength) tokens.")
    }
    let length = maximumSequenceLength ?? model.maximumSequenceLength
    // More than every sequence at its longest is of no use.
    let (wanted, overflows) = sequences.multipliedReportingOverflow(by: rounded(length, to: blockSize))
    let useful = overflows ? Int.max : wanted
    let tokens: Int
    if let cacheTokens {
      tokens = rounded(cacheTokens, to: blockSize)
    } else {
      tokens = min((cacheBytes ?? max(freeBytes, 0)) / max(model.cacheBytesPerToken, 1), useful) / blockSize * blockSize
    }
    guard tokens >= blockSize else {
      throw RequestRefusal(
        "The cache has \(cacheBytes ?? freeBytes) bytes, but one block of \(blockSize) tokens takes "
          + "\(blockSize * model.cacheBytesPerToken); give it more memory.")
    }
    if let given = maximumSequenceLength, given > tokens {
      throw RequestRefusal(
        "maximumSequenceLength is \(given), but the cache holds \(tokens) tokens; make one smaller or the other larger."
      )
    }
    guard tokens / blockSize <= Int(Int32.max) else {
      throw RequestRefusal("A cache of \(tokens) tokens has more blocks than \(Int32.max); use larger blocks.")
    }
    return ExecutorLimits(
      tokensPerStep: tokensPerStep ?? device.tokensPerStep, maximumSequences: sequences,
      maximumScoredRows: maximumScoredRows ?? sequences, blockSize: blockSize, blockCount: tokens / blockSize,
      maximumSequenceLength: min(length, tokens), vocabularySize: model.vocabularySize,
      stepsInFlight: device.stepsInFlight)
  }

  private func rounded(_ tokens: Int, to blockSize: Int) -> Int { (tokens + blockSize - 1) / blockSize * blockSize }
}
