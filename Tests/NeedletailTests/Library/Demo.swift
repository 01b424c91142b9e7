import Needletail

/// The repository's model, loaded once for all tests of the library.
enum Demo {
  private static let loading = Task {
    var options = LoadOptions()
    options.limits.maximumSequenceLength = 1024
    options.limits.cacheTokens = 16_384
    return try await LLM(Place.demo, options: options)
  }

  static var llm: LLM { get async throws { try await loading.value } }

  static let story = "Once upon a time, there was a young girl who lived near the sea."

  static func options(_ count: Int, temperature: Float = 0) -> SamplingOptions {
    var options = SamplingOptions()
    options.temperature = temperature
    options.maximumTokens = count
    options.ignoresEndOfSequence = true
    return options
  }
}
