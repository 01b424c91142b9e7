import Needletail

/// The library in twenty lines: loads a model, streams an answer, runs a batch.
///
///     swift run -c release Generate ../Demo/needle-5m "Once upon a time"
@main
struct Generate {
  static func main() async throws {
    let arguments = CommandLine.arguments.dropFirst()
    let llm = try await LLM(arguments.first ?? "../Demo/needle-5m")
    var options = SamplingOptions.greedy
    options.maximumTokens = 32

    for try await piece in try llm.stream(arguments.dropFirst().first ?? "Once upon a time", options: options) {
      print(piece, terminator: "")
    }
    print("\n---")
    // A batch shares its steps; each answer is the one it would be alone.
    for answer in try await llm.generate(["The sea was", "In the morning"], options: options) {
      print("\(answer.text) [\(answer.tokens.count) tokens, \(answer.finishReason.word)]")
    }
  }
}
