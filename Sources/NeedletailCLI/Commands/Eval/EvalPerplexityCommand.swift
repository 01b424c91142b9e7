import ArgumentParser
import Needletail
import Synchronization

/// `needletail eval perplexity`: how well a model predicts a text.
struct EvalPerplexityCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "perplexity", abstract: "Perplexity of a text.",
    discussion: """
      The text is one sequence of tokens, with a beginning-of-sequence token only if the tokenizer adds it. Windows of \
      --context tokens are moved by --stride; each token is scored once, with the longest context that a window gives \
      it, the first window from its second token on.
      """)

  @OptionGroup(title: "Model") var model: ModelOptions
  @Option(help: ArgumentHelp("The text; several files are put together.", valueName: "file"))
  var text: [String]
  @Option(help: "Tokens of a window.")
  var context = 1024
  @Option(help: "Tokens that a window is moved by.")
  var stride = 512
  @Option(help: "Use this many tokens of the text at most.")
  var maxTextTokens: Int?
  @Option(help: "Windows that are computed at the same time.")
  var concurrency = 4
  @Flag(help: "Print one JSON object.")
  var json = false

  func run() async throws {
    guard context >= 2 else { throw UsageError("--context is \(context); it must be 2 or more") }
    guard stride >= 1, stride <= context else { throw UsageError("--stride is \(stride); it must be 1 to \(context)") }
    guard concurrency >= 1 else { throw UsageError("--concurrency is \(concurrency); it must be 1 or more") }
    let text = try self.text.map { try Files.text($0) }.joined()
    let (context, concurrency) = (context, concurrency)
    let llm = try await model.load { options in
      options.limits.maximumSequences = options.limits.maximumSequences ?? concurrency
      // One window needs no more, and the rest of the cache stays free; a model that is shorter says so below.
      options.limits.maximumSequenceLength = options.limits.maximumSequenceLength ?? context
      options.limits.cacheTokens =
        options.limits.cacheBytes == nil ? (context + 256) * (options.limits.maximumSequences ?? 1) : nil
    }
    guard llm.tokenizer != nil else { throw UsageError("\(llm.path) has no tokenizer, which perplexity needs") }
    var ids = try llm.encode(text)
    var byteCount = text.utf8.count
    if let maxTextTokens, maxTextTokens < ids.count {
      ids = Array(ids.prefix(max(2, maxTextTokens)))
      byteCount = llm.tokenizer?.decode(ids, skipSpecialTokens: true).utf8.count ?? 0
    }
    guard ids.count >= 2 else { throw UsageError("the text has \(ids.count) tokens; at least 2 are needed") }
    let start = ContinuousClock.now
    let bar = ProgressBar("scoring")
    let windows = ScoringWindow.plan(count: ids.count, context: context, stride: stride)
    let nll = try await Self.score(windows, of: ids, on: llm.engine, concurrency: concurrency, bar)
    bar.finish()
    report(
      PerplexityResult(nllSum: nll, tokens: windows.reduce(0) { $0 + $1.scored.count }, byteCount: byteCount),
      seconds: (ContinuousClock.now - start).seconds, device: llm.deviceSummary)
  }

  private func report(_ result: PerplexityResult, seconds: Double, device: String) {
    if json {
      Terminal.line(result.json.text())
    } else {
      Terminal.line("perplexity    \(Show.fixed(result.perplexity, 4))")
      Terminal.line("bits per byte \(Show.fixed(result.bitsPerByte, 4))")
      Terminal.line("tokens        \(Show.grouped(result.tokens))")
    }
    let rate = Show.short(Double(result.tokens) / seconds)
    Terminal.error("\(Show.time(seconds: seconds)), \(rate) tokens/s scored, \(device)")
  }

  /// The sum of the negative log-likelihoods of the tokens that windows score, in nats.
  private static func score(
    _ windows: [ScoringWindow], of ids: [Int32], on engine: Engine, concurrency: Int, _ bar: ProgressBar
  ) async throws -> Double {
    // Sums of windows are added in their order, so that the result does not depend on which one ends first.
    var sums = Array(repeating: 0.0, count: windows.count)
    try await withThrowingTaskGroup(of: (Int, Double).self) { group in
      var next = 0
      var done = 0
      while done < windows.count {
        while next < windows.count, next < done + concurrency {
          let (index, window) = (next, windows[next])
          group.addTask { (index, try await window.score(ids, on: engine)) }
          next += 1
        }
        guard let (index, sum) = try await group.next() else { break }
        sums[index] = sum
        done += 1
        bar.update(Double(done) / Double(windows.count), "window \(done) of \(windows.count)")
      }
    }
    return sums.reduce(0, +)
  }
}

/// The outcome of a measurement of perplexity.
package struct PerplexityResult {
  /// Sum of the negative log-likelihoods in nats.
  package let nllSum: Double
  /// Tokens that were scored.
  package let tokens: Int
  /// Bytes of the text.
  package let byteCount: Int

  package init(nllSum: Double, tokens: Int, byteCount: Int) {
    self.nllSum = nllSum
    self.tokens = tokens
    self.byteCount = byteCount
  }

  /// exp of the mean.
  package var perplexity: Double { exponential(nllSum / Double(tokens)) }
  /// Bits that the model needs for a byte of the text.
  package var bitsPerByte: Double { nllSum / 0.693_147_180_559_945_3 / Double(byteCount) }

  var json: JSON {
    [
      "perplexity": .double(perplexity), "bits_per_byte": .double(bitsPerByte), "tokens": .int(tokens),
      "nll_sum": .double(nllSum),
    ]
  }
}
