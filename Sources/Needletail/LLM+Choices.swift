import NeedletailRuntime

extension LLM {
  /// Most answers to one prompt.
  public static let maximumChoices = 128

  /// Starts several answers to one prompt, which compute it once, and gives the events of each.
  /// - Parameters:
  ///   - count: how many, 1 to `maximumChoices`. A seed in the options gives each its own.
  ///   - priority: lower ones are more urgent.
  ///   - cacheSalt: with whom they share what the prompt begins with: requests of the same salt.
  public func choices(
    _ prompt: [Int32], count: Int, options: SamplingOptions? = nil, priority: Int = 0, cacheSalt: String = ""
  ) throws -> [RequestStream] {
    guard count >= 1, count <= Self.maximumChoices else {
      throw RequestRefusal("\(count) answers were asked for; 1 to \(Self.maximumChoices) are given.")
    }
    let request = try request(prompt, options: options, priority: priority, cacheSalt: cacheSalt)
    return try engine.submit(request.choices(count))
  }

  /// Answers a prompt several times.
  ///
  ///     let answers = try await llm.generate(prompt, choices: 2, bestOf: 8)
  ///
  /// - Parameter bestOf: answers that are made, of which those whose tokens are the likeliest on average are returned, the
  ///   best first; nil: as many as `choices`, in the order they were asked for.
  public func generate(
    _ prompt: [Int32], choices count: Int, bestOf: Int? = nil, options: SamplingOptions? = nil
  ) async throws -> [Generation] {
    if let bestOf, bestOf < count {
      throw RequestRefusal("The best \(count) of \(bestOf) answers cannot be given; bestOf must be \(count) or more.")
    }
    var options = options ?? defaultOptions
    let wantsProbabilities = options.logProbabilities != nil
    if bestOf != nil { options.logProbabilities = options.logProbabilities ?? 0 }
    var generations: [Generation] = []
    for stream in try choices(prompt, count: bestOf ?? count, options: options) {
      var generation = Generation()
      generation.promptTokenIDs = prompt
      for try await event in stream { generation.add(event) }
      generations.append(generation)
    }
    guard bestOf != nil else { return generations }
    let means = generations.map { $0.meanLogProbability ?? -.infinity }
    let order = generations.indices.sorted { (-means[$0], $0) < (-means[$1], $1) }
    return order.prefix(count).map { index in
      var generation = generations[index]
      if !wantsProbabilities {
        for index in generation.tokens.indices { generation.tokens[index].logProbability = nil }
      }
      return generation
    }
  }
}
