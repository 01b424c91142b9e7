import CNeedletailKernels

/// The sampling state of one request: its options as a kernel row, and what penalties have to remember.
///
/// Tokens are counted only when a penalty is on; without one a step costs a copy of the row.
package struct TokenSampler: Sendable {
  /// Parameters that stay the same from token to token.
  private let template: nt_sampling_row
  private let biases: [nt_token_bias]
  /// `biases` without those of `stopTokens`, for the tokens that may not end the request yet.
  private let biasesBesideStops: [nt_token_bias]
  /// Tokens that end the request, without repetition.
  private let stopTokens: [Int32]
  private let minimumTokens: Int
  /// Nil: no penalty is on.
  private var history: TokenHistory?

  /// - Parameters:
  ///   - options: validated.
  ///   - stopTokens: ids that end the request, end-of-sequence among them unless it is ignored.
  ///   - seed: that of the options, or one drawn for the request.
  package init(_ options: SamplingOptions, prompt: [Int32], stopTokens: Set<Int32>, seed: UInt64) {
    var row = nt_sampling_row.greedy
    row.seed = seed
    row.temperature = options.temperature
    row.top_p = options.topP
    row.min_p = options.minP
    row.top_k = Int32(clamping: options.topK)
    row.repetition_penalty = options.repetitionPenalty
    row.presence_penalty = options.presencePenalty
    row.frequency_penalty = options.frequencyPenalty
    row.wants_logprob = options.logProbabilities == nil ? 0 : 1
    row.top_logprobs = Int32(clamping: options.logProbabilities ?? 0)
    template = row
    let sorted = options.logitBias.sorted { $0.key < $1.key }
    biases = sorted.map { nt_token_bias(token: $0.key, bias: $0.value) }
    biasesBesideStops = biases.filter { !stopTokens.contains($0.token) }
    self.stopTokens = stopTokens.sorted()
    minimumTokens = options.minimumTokens
    if options.hasPenalties {
      // Presence and frequency look at the output only.
      history = TokenHistory(prompt: options.repetitionPenalty == 1 ? [] : prompt)
    }
  }

  /// Whether a row needs every earlier token on the host, so that it cannot be submitted before they are known.
  package var needsEarlierTokens: Bool { history != nil }

  /// Counts a token of the output.
  package mutating func record(_ token: Int32) {
    history?.record(token)
  }

  /// Appends the row that draws output token `index` (from 0).
  /// - Parameter mask: allowed tokens, bit `t % 32` of word `t / 32`; nil allows all.
  package func append(index: Int, mask: [UInt32]? = nil, to batch: inout SamplingBatch) {
    var row = template
    row.position = UInt64(index)
    let entries = history?.entries ?? []
    if index < minimumTokens {
      batch.append(row, history: entries, biases: biasesBesideStops, ban: stopTokens, mask: mask)
    } else {
      batch.append(row, history: entries, biases: biases, ban: [], mask: mask)
    }
  }
}

/// Counts of the distinct tokens of a request's text, kept as the kernel's array.
struct TokenHistory: Sendable {
  private(set) var entries: [nt_token_count] = []
  private var indices: [Int32: Int] = [:]

  init(prompt: [Int32]) {
    for token in prompt { add(token, generated: 0) }
  }

  mutating func record(_ token: Int32) { add(token, generated: 1) }

  private mutating func add(_ token: Int32, generated: Int32) {
    if let index = indices[token] {
      entries[index].generated += generated
    } else {
      indices[token] = entries.count
      entries.append(nt_token_count(token: token, generated: generated))
    }
  }
}
