import ArgumentParser
import Needletail
import NeedletailCheckpoint
import Synchronization

/// `needletail eval logits`: the logits of prompts and what the model continues them with, for a comparison.
struct EvalLogitsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logits", abstract: "Write the logits of prompts and their greedy continuations.",
    discussion: """
      Reads tensors prompt.i, int32 [n], from a safetensors file; writes logits.i, float32 [n, vocabulary], and \
      greedy.i, int32 [greedy], for each. All prompts are in flight together unless --one-by-one is given; the bits are \
      the same.
      """)

  @OptionGroup(title: "Model") var model: ModelOptions
  @Option(help: ArgumentHelp("A safetensors file with prompt.0, prompt.1, ...", valueName: "file"))
  var prompts: String
  @Option(help: ArgumentHelp("The safetensors file to write.", valueName: "file"))
  var output: String
  @Option(help: "Tokens to continue each prompt by, the likeliest each time; end tokens are ordinary ones.")
  var greedy = 24
  @Flag(help: "Run the prompts one after the other.")
  var oneByOne = false

  func run() async throws {
    guard greedy >= 0 else { throw UsageError("--greedy is \(greedy); it must be 0 or more") }
    let prompts = try Self.read(prompts)
    let llm = try await model.load()
    let greedy = greedy
    var results: [LogitsResult] = []
    let bar = ProgressBar("prompts")
    if oneByOne {
      for prompt in prompts {
        results.append(try await Self.run(prompt.tokens, greedy: greedy, on: llm.engine))
        bar.update(Double(results.count) / Double(prompts.count))
      }
    } else {
      // Submitted in order before any is waited for, so that they share steps.
      let requests = try prompts.map { try LogitsRequest($0.tokens, greedy: greedy, on: llm.engine) }
      for request in requests {
        results.append(try await request.result())
        bar.update(Double(results.count) / Double(prompts.count))
      }
    }
    bar.finish()
    try Self.write(results, names: prompts.map(\.name), to: output, vocabularySize: llm.engine.limits.vocabularySize)
    Terminal.error("\(prompts.count) prompts, \(llm.deviceSummary), \(llm.dtype.name)")
  }

  private static func run(_ tokens: [Int32], greedy: Int, on engine: Engine) async throws -> LogitsResult {
    try await LogitsRequest(tokens, greedy: greedy, on: engine).result()
  }

  /// The tensors named prompt.i, by ascending i.
  private static func read(_ path: String) throws -> [(name: String, tokens: [Int32])] {
    let file = try SafetensorsFile(path)
    var found: [(name: String, index: Int, tokens: [Int32])] = []
    for tensor in file.tensors where tensor.name.hasPrefix("prompt.") {
      let name = String(tensor.name.dropFirst("prompt.".count))
      guard let index = Int(name) else { continue }
      guard tensor.shape.count == 1 else { throw UsageError("'\(path)': \(tensor.name) is no list of token ids") }
      let tokens = try tensor.integers().map { value in
        guard let id = Int32(exactly: value), id >= 0 else {
          throw UsageError("'\(path)': \(tensor.name) has \(value), which is no token id")
        }
        return id
      }
      found.append((name, index, tokens))
    }
    guard !found.isEmpty else { throw UsageError("'\(path)' has no tensor prompt.0") }
    return found.sorted { $0.index < $1.index }.map { ($0.name, $0.tokens) }
  }

  private static func write(
    _ results: [LogitsResult], names: [String], to path: String, vocabularySize: Int
  ) throws {
    var declarations: [SafetensorsWriter.Declaration] = []
    for (name, result) in zip(names, results) {
      declarations.append(.init("logits.\(name)", .f32, [result.logits.count / vocabularySize, vocabularySize]))
      declarations.append(.init("greedy.\(name)", .i32, [result.greedy.count]))
    }
    var writer = try SafetensorsWriter(path, declarations)
    for (name, result) in zip(names, results) {
      try result.logits.withUnsafeBytes { try writer.write($0, to: "logits.\(name)") }
      try result.greedy.withUnsafeBytes { try writer.write($0, to: "greedy.\(name)") }
    }
    try writer.finish()
  }
}

/// What a prompt gave.
struct LogitsResult: Sendable {
  /// Row-major, [tokens of the prompt, vocabulary].
  var logits: [Float] = []
  var greedy: [Int32] = []
}

/// A prompt on its way through the engine.
private struct LogitsRequest {
  private final class Rows: Sendable {
    let values = Mutex([Float]())
  }

  private let stream: RequestStream
  private let rows = Rows()

  init(_ prompt: [Int32], greedy: Int, on engine: Engine) throws {
    var options = SamplingOptions.greedy
    options.maximumTokens = greedy
    options.ignoresEndOfSequence = true
    let rows = rows
    let scoring = GenerationRequest.Scoring(positions: 0..<prompt.count) { _, logits in
      rows.values.withLock { values in
        for row in 0..<logits.rowCount { values += logits[row] }
      }
    }
    stream = try engine.submit(GenerationRequest(prompt: prompt, options: options, scoring: scoring))
  }

  func result() async throws -> LogitsResult {
    var result = LogitsResult()
    for try await event in stream {
      if case .token(let token) = event { result.greedy.append(token.id) }
    }
    result.logits = rows.values.withLock { $0 }
    return result
  }
}
