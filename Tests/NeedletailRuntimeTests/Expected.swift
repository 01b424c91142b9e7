import NeedletailRuntime

/// What a request yields when it runs alone, by the plainest loop: no cache, chunk, block or batch.
func expectedTokens(_ request: GenerationRequest, _ model: FakeModel, maximumSequenceLength: Int) -> [Int32] {
  let options = request.options
  let limit = min(options.maximumTokens ?? .max, maximumSequenceLength - request.prompt.count)
  let stops = Set(options.stopTokenIDs + (options.ignoresEndOfSequence ? [] : request.endTokens))
  var output: [Int32] = []
  while output.count < limit {
    var draw = Draw(
      temperature: options.temperature, topK: options.topK, topP: options.topP, minP: options.minP,
      repetition: options.repetitionPenalty, presence: options.presencePenalty, frequency: options.frequencyPenalty,
      seed: options.seed ?? 0, position: UInt64(output.count), bias: options.logitBias)
    for token in request.prompt { draw.counts[token] = 0 }
    for token in output { draw.counts[token, default: 0] += 1 }
    if output.count < options.minimumTokens {
      for token in stops { draw.bias[token] = -.infinity }
    }
    let token = draw.token(model.logits(model.state(of: request.prompt + output)))
    output.append(token)
    if output.count >= options.minimumTokens, stops.contains(token) { break }
  }
  return output
}

/// A random request that the given limits can serve.
func randomRequest(
  _ random: inout RandomSource, vocabularySize: Int, maximumPrompt: Int, maximumTokens: Int
) -> GenerationRequest {
  var options = SamplingOptions()
  options.maximumTokens = Int.random(in: 1...maximumTokens, using: &random)
  options.minimumTokens = Bool.random(using: &random) ? 0 : Int.random(in: 0...3, using: &random)
  options.minimumTokens = min(options.minimumTokens, options.maximumTokens ?? 0)
  options.temperature = [0, 0.5, 1, 1.5].randomElement(using: &random) ?? 0
  options.topK = [0, 1, 5].randomElement(using: &random) ?? 0
  options.topP = [1, 0.9, 0.5].randomElement(using: &random) ?? 1
  options.minP = [0, 0.1].randomElement(using: &random) ?? 0
  if Int.random(in: 0..<3, using: &random) == 0 {
    options.repetitionPenalty = [1, 1.2].randomElement(using: &random) ?? 1
    options.presencePenalty = [0, 0.5].randomElement(using: &random) ?? 0
    options.frequencyPenalty = [0, 0.7].randomElement(using: &random) ?? 0
  }
  if Int.random(in: 0..<4, using: &random) == 0 { options.logitBias = [3: 4, 5: -.infinity] }
  options.seed = random.next()
  if Bool.random(using: &random) { options.stopTokenIDs = [7, 9] }
  options.ignoresEndOfSequence = Bool.random(using: &random)
  let count = Int.random(in: 1...maximumPrompt, using: &random)
  let prompt = (0..<count).map { _ in Int32.random(in: 0..<Int32(vocabularySize), using: &random) }
  return GenerationRequest(
    prompt: prompt, options: options, endTokens: [2, 3], priority: Int.random(in: 0...1, using: &random))
}
