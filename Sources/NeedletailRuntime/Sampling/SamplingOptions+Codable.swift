/// Missing fields take their defaults; `logitBias` is an object from token id to bias.
extension SamplingOptions: Codable {
  enum CodingKeys: String, CodingKey {
    case maximumTokens, minimumTokens, temperature, topK, topP, minP, repetitionPenalty, presencePenalty
    case frequencyPenalty, seed, stopStrings, stopTokenIDs, includesStop, ignoresEndOfSequence, logitBias
    case logProbabilities, promptLogProbabilities
  }

  /// Reads options; fields that are absent keep their defaults, `maximumTokens: null` means no limit.
  public init(from decoder: any Decoder) throws {
    self.init()
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    func read<Value: Decodable>(_ key: CodingKeys, _ value: inout Value) throws {
      if fields.contains(key) { value = try fields.decode(Value.self, forKey: key) }
    }
    try read(.maximumTokens, &maximumTokens)
    try read(.minimumTokens, &minimumTokens)
    try read(.temperature, &temperature)
    try read(.topK, &topK)
    try read(.topP, &topP)
    try read(.minP, &minP)
    try read(.repetitionPenalty, &repetitionPenalty)
    try read(.presencePenalty, &presencePenalty)
    try read(.frequencyPenalty, &frequencyPenalty)
    try read(.seed, &seed)
    try read(.stopStrings, &stopStrings)
    try read(.stopTokenIDs, &stopTokenIDs)
    try read(.includesStop, &includesStop)
    try read(.ignoresEndOfSequence, &ignoresEndOfSequence)
    try read(.logProbabilities, &logProbabilities)
    try read(.promptLogProbabilities, &promptLogProbabilities)
    // Dictionaries are JSON objects only when their keys are Int or String.
    var bias: [Int: Float] = [:]
    try read(.logitBias, &bias)
    for (token, value) in bias {
      guard let token = Int32(exactly: token) else {
        throw DecodingError.dataCorruptedError(
          forKey: .logitBias, in: fields, debugDescription: "\(token) is not a token id.")
      }
      logitBias[token] = value
    }
  }

  /// Writes every field.
  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(maximumTokens, forKey: .maximumTokens)
    try fields.encode(minimumTokens, forKey: .minimumTokens)
    try fields.encode(temperature, forKey: .temperature)
    try fields.encode(topK, forKey: .topK)
    try fields.encode(topP, forKey: .topP)
    try fields.encode(minP, forKey: .minP)
    try fields.encode(repetitionPenalty, forKey: .repetitionPenalty)
    try fields.encode(presencePenalty, forKey: .presencePenalty)
    try fields.encode(frequencyPenalty, forKey: .frequencyPenalty)
    try fields.encode(seed, forKey: .seed)
    try fields.encode(stopStrings, forKey: .stopStrings)
    try fields.encode(stopTokenIDs, forKey: .stopTokenIDs)
    try fields.encode(includesStop, forKey: .includesStop)
    try fields.encode(ignoresEndOfSequence, forKey: .ignoresEndOfSequence)
    try fields.encode(logProbabilities, forKey: .logProbabilities)
    try fields.encode(promptLogProbabilities, forKey: .promptLogProbabilities)
    var bias: [Int: Float] = [:]
    for (token, value) in logitBias { bias[Int(token)] = value }
    try fields.encode(bias, forKey: .logitBias)
  }
}
