import Needletail

/// A text for calibration that a model writes itself, drawn token by token at temperature 1 (Liu et al. 2023, "LLM-QAT":
/// data-free quantization). The same seeds give the same text.
struct OwnText {
  /// The model.
  let source: String
  /// How many samples, and tokens of each.
  let samples: Int
  let length: Int
  let threads: Int?

  func sequences() async throws -> [[Int32]] {
    let (samples, length) = (samples, length)
    var options = LoadOptions()
    options.threads = threads
    options.limits.maximumSequences = min(samples, 32)
    options.limits.maximumSequenceLength = length
    let llm = try await LLM(source, options: options)
    let first = (try? llm.encode("").first) ?? llm.endTokens.first ?? 0
    let bar = ProgressBar("writing a text")
    defer { bar.finish() }
    let vocabulary = Int32(llm.engine.limits.vocabularySize)
    return try await withThrowingTaskGroup(of: (Int, [Int32]).self) { group in
      for index in 0..<samples {
        group.addTask {
          var sampling = SamplingOptions.greedy
          sampling.temperature = 1
          sampling.topK = 0
          sampling.topP = 1
          sampling.seed = UInt64(index) + 1
          sampling.maximumTokens = length - 2
          sampling.ignoresEndOfSequence = true
          // Samples begin with different tokens, so that they are of different things.
          let start = Int32(truncatingIfNeeded: (index + 1) * 7919) % vocabulary
          var tokens = [first, start]
          let stream = try llm.engine.submit(GenerationRequest(prompt: tokens, options: sampling))
          for try await event in stream { if case .token(let token) = event { tokens.append(token.id) } }
          return (index, tokens)
        }
      }
      var found: [Int: [Int32]] = [:]
      for try await (index, tokens) in group {
        found[index] = tokens
        bar.update(Double(found.count) / Double(samples))
      }
      return (0..<samples).compactMap { found[$0] }
    }
  }
}
