import CNeedletailKernels

/// What is sampled after a step: one row of parameters for each scored row. See `sample.h` for the arithmetic.
public struct SampleRequest: @unchecked Sendable {
  /// One for each scored row.
  public var rows: [nt_sampling_row]
  /// Tokens of the texts so far, which rows point into.
  public var history: [nt_token_count]
  /// Additions to logits, which rows point into.
  public var biases: [nt_token_bias]
  /// Allowed tokens as bits, which rows point into.
  public var masks: [UInt32]
  /// The longest list of likely tokens any row wants.
  public var maximumTop: Int

  /// What is sampled.
  public init(
    rows: [nt_sampling_row], history: [nt_token_count] = [], biases: [nt_token_bias] = [], masks: [UInt32] = [],
    maximumTop: Int = 0
  ) {
    self.rows = rows
    self.history = history
    self.biases = biases
    self.masks = masks
    self.maximumTop = maximumTop
  }
}

/// What was sampled.
public struct SampleResult: Sendable {
  /// A token for each row.
  public var tokens: [Int32]
  /// Its log-probability in the model's own distribution, where wanted.
  public var logProbabilities: [Float]
  /// [rows, maximumTop]: the most likely tokens, descending.
  public var topTokens: [Int32]
  /// [rows, maximumTop]: their log-probabilities.
  public var topLogProbabilities: [Float]

  /// Room for the results of some rows.
  public init(rowCount: Int, maximumTop: Int) {
    tokens = Array(repeating: 0, count: rowCount)
    logProbabilities = Array(repeating: 0, count: rowCount)
    topTokens = Array(repeating: 0, count: rowCount * maximumTop)
    topLogProbabilities = Array(repeating: 0, count: rowCount * maximumTop)
  }
}
