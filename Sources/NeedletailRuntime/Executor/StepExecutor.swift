import NeedletailGraph

/// Runs steps on a device: forward to the logits of the scored rows, then sampling.
///
/// Steps run in the order they are submitted, one after the other, so that a block which step n still writes may be given
/// to another sequence of step n + 1. All calls come from one thread, the engine's.
public protocol StepExecutor: AnyObject, Sendable {
  /// What one step and the cache can hold.
  var limits: ExecutorLimits { get }

  /// Starts a step. It may return before the device is done; at most `limits.stepsInFlight` steps are not yet waited for.
  /// - Parameters:
  ///   - batch: within `limits`; holds at least one token.
  ///   - sampling: one row for each of `batch.scoredRows`, or nil when no row is sampled.
  /// - Throws: when the device failed. The engine submits nothing more after that.
  func submit(_ batch: StepBatch, _ sampling: SamplingBatch?) throws -> any PendingStep
}

/// A step that was submitted.
public protocol PendingStep: AnyObject {
  /// Waits for the step and returns what was sampled; called once.
  func result() throws -> StepResult

  /// Lends the logits or hidden rows of `rows` (indices into `scoredRows`, all of them in `hostRows` or `hiddenRows`).
  /// Called after `result()` has returned and before `submit` is called again; a step that was submitted earlier may be
  /// running, and must not overwrite them.
  func withRows(of output: StepOutput, _ rows: Range<Int>, _ body: (FloatRows) throws -> Void) throws
}

/// What a step sampled, for each of its scored rows. All arrays are empty when nothing was to be sampled.
public struct StepResult: Sendable, Hashable {
  /// The chosen tokens, `[rows]`.
  public var tokens: [Int32]
  /// Natural logarithm of each chosen token's probability under the model's own distribution, `[rows]`; only rows that
  /// want it are filled.
  public var logProbabilities: [Float]
  /// The most likely tokens, `[rows, maximumTop]`, most likely first; only as many as the row asked for are filled.
  public var topTokens: [Int32]
  /// Their natural log-probabilities, `[rows, maximumTop]`.
  public var topLogProbabilities: [Float]
  /// Columns of the two arrays above.
  public var maximumTop: Int

  /// Results as given.
  public init(
    tokens: [Int32] = [], logProbabilities: [Float] = [], topTokens: [Int32] = [], topLogProbabilities: [Float] = [],
    maximumTop: Int = 0
  ) {
    self.tokens = tokens
    self.logProbabilities = logProbabilities
    self.topTokens = topTokens
    self.topLogProbabilities = topLogProbabilities
    self.maximumTop = maximumTop
  }
}

/// Rows lent for the time of a call: float32, `[rowCount, width]`, rows `stride` elements apart.
public struct FloatRows {
  /// The first row's first element.
  public let base: UnsafePointer<Float>
  /// Number of rows.
  public let rowCount: Int
  /// Elements of a row.
  public let width: Int
  /// Elements from a row to the next; at least `width`.
  public let stride: Int

  /// Rows at `base`.
  public init(base: UnsafePointer<Float>, rowCount: Int, width: Int, stride: Int) {
    self.base = base
    self.rowCount = rowCount
    self.width = width
    self.stride = stride
  }

  /// Row `row`, `[width]`. Traps when it is not in `0 ..< rowCount`.
  public subscript(row: Int) -> UnsafeBufferPointer<Float> {
    precondition(row >= 0 && row < rowCount, "row \(row) of \(rowCount)")
    return UnsafeBufferPointer(start: base + row * stride, count: width)
  }
}
