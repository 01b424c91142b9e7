extension SamplingOptions {
  /// Most stop strings of one request.
  public static let maximumStopStrings = 64
  /// Most UTF-8 bytes of one stop string.
  public static let maximumStopStringBytes = 4096
  /// Most stop tokens, and most biases, of one request.
  public static let maximumTokenRules = 4096

  /// Throws a sentence about the first value that makes no sense.
  /// - Parameters:
  ///   - vocabularySize: token ids are `0 ..< vocabularySize`.
  ///   - maximumTopTokens: most entries of a list of likely tokens.
  public func validate(vocabularySize: Int, maximumTopTokens: Int = 20) throws(RequestRefusal) {
    if let maximumTokens { try require(maximumTokens >= 0, "maximumTokens is \(maximumTokens); it must be 0 or more.") }
    try require(minimumTokens >= 0, "minimumTokens is \(minimumTokens); it must be 0 or more.")
    if let maximumTokens, maximumTokens > 0 {
      try require(
        minimumTokens <= maximumTokens, "minimumTokens, \(minimumTokens), is more than maximumTokens, \(maximumTokens)."
      )
    }
    try require(
      temperature >= 0 && temperature.isFinite, "temperature is \(temperature); it must be a finite number, 0 or more.")
    try require(
      topK >= 0 && topK <= Int(Int32.max), "topK is \(topK); it must be 0 (off) or the number of tokens to keep.")
    try require(topP > 0 && topP <= 1, "topP is \(topP); it must be over 0 and at most 1.")
    try require(minP >= 0 && minP <= 1, "minP is \(minP); it must be in 0 ... 1.")
    try require(
      repetitionPenalty > 0 && repetitionPenalty.isFinite,
      "repetitionPenalty is \(repetitionPenalty); it must be a finite number over 0.")
    try require(abs(presencePenalty) <= 2, "presencePenalty is \(presencePenalty); it must be in -2 ... 2.")
    try require(abs(frequencyPenalty) <= 2, "frequencyPenalty is \(frequencyPenalty); it must be in -2 ... 2.")
    try validateStops(vocabularySize: vocabularySize)
    try require(
      logitBias.count <= Self.maximumTokenRules,
      "logitBias has \(logitBias.count) tokens; at most \(Self.maximumTokenRules) are taken.")
    for (token, bias) in logitBias {
      try require(
        token >= 0 && token < vocabularySize,
        "logitBias names token \(token); the vocabulary has 0 ..< \(vocabularySize).")
      try require(
        bias.isFinite || bias == -.infinity,
        "The bias of token \(token) is \(bias); it must be a finite number, or -infinity to ban the token.")
    }
    try validate(logProbabilities, "logProbabilities", maximumTopTokens)
    try validate(promptLogProbabilities, "promptLogProbabilities", maximumTopTokens)
  }

  private func validateStops(vocabularySize: Int) throws(RequestRefusal) {
    try require(
      stopStrings.count <= Self.maximumStopStrings,
      "There are \(stopStrings.count) stop strings; at most \(Self.maximumStopStrings) are taken.")
    for text in stopStrings {
      try require(!text.utf8.isEmpty, "A stop string is empty.")
      try require(
        text.utf8.count <= Self.maximumStopStringBytes,
        "A stop string has \(text.utf8.count) bytes; at most \(Self.maximumStopStringBytes) are taken.")
    }
    try require(
      stopTokenIDs.count <= Self.maximumTokenRules,
      "There are \(stopTokenIDs.count) stop tokens; at most \(Self.maximumTokenRules) are taken.")
    for token in stopTokenIDs {
      try require(
        token >= 0 && token < vocabularySize,
        "Stop token \(token) does not exist; the vocabulary has 0 ..< \(vocabularySize).")
    }
  }

  private func validate(_ count: Int?, _ name: String, _ maximum: Int) throws(RequestRefusal) {
    guard let count else { return }
    try require(count >= 0 && count <= maximum, "\(name) is \(count); it must be in 0 ... \(maximum).")
  }

  // Comparisons with NaN are false, so that NaN never passes.
  private func require(_ condition: Bool, _ sentence: @autoclosure () -> String) throws(RequestRefusal) {
    guard condition else { throw RequestRefusal(sentence()) }
  }
}
