import CNeedletailKernels

/// The sampling parameters of a step: one `nt_sampling_row` for each scored row, and the arrays the rows point into.
public struct SamplingBatch: Sendable {
  /// One for each scored row.
  public var rows: [nt_sampling_row] = []
  /// Tokens that penalties apply to; a row has `history_count` of them from `history_start` on.
  public var history: [nt_token_count] = []
  /// Biases and bans; a row has `bias_count` of them from `bias_start` on, none twice.
  public var biases: [nt_token_bias] = []
  /// Masks of allowed tokens, `(vocabularySize + 31) / 32` words each, from a row's `mask_start` on.
  public var masks: [UInt32] = []
  /// Columns of the step's `topTokens`: the most that any row asked for.
  public var maximumTop = 0

  /// A batch without rows.
  public init() {}

  /// Appends a row of which only the logits are used: greedy, nothing listed.
  public mutating func appendUnsampled() {
    append(.greedy, history: [], biases: [], ban: [], mask: nil)
  }

  /// Appends a row that chooses `token` whatever the logits are, to learn its log-probability.
  /// - Parameter top: how many of the most likely tokens are listed.
  public mutating func appendForced(token: Int32, top: Int) {
    var row = nt_sampling_row.greedy
    row.wants_logprob = 1
    row.top_logprobs = Int32(top)
    append(row, history: [], biases: [nt_token_bias(token: token, bias: .infinity)], ban: [], mask: nil)
  }

  /// Appends `row` with its own history, biases, banned tokens and mask; fills in where they start.
  mutating func append(
    _ row: nt_sampling_row, history rowHistory: [nt_token_count], biases rowBiases: [nt_token_bias], ban: [Int32],
    mask: [UInt32]?
  ) {
    var row = row
    row.history_start = Int64(history.count)
    row.history_count = Int32(rowHistory.count)
    row.bias_start = Int64(biases.count)
    row.bias_count = Int32(rowBiases.count + ban.count)
    row.mask_start = mask == nil ? -1 : Int64(masks.count)
    history.append(contentsOf: rowHistory)
    biases.append(contentsOf: rowBiases)
    for token in ban { biases.append(nt_token_bias(token: token, bias: -.infinity)) }
    if let mask { masks.append(contentsOf: mask) }
    maximumTop = max(maximumTop, Int(row.top_logprobs))
    rows.append(row)
  }
}

extension nt_sampling_row {
  /// The largest logit, nothing else.
  static var greedy: nt_sampling_row {
    var row = nt_sampling_row()
    row.top_p = 1
    row.repetition_penalty = 1
    row.mask_start = -1
    return row
  }
}
