import NeedletailGraph

/// All that a step of a language model needs: its inputs, and what is drawn from its logits.
public struct PlanStep: Sendable {
  /// Its size.
  public var counts: StepCounts
  /// `[tokens]`; id -1 - r stands for the token that row r of the step before has drawn, where the plan has more than one
  /// step in flight.
  public var tokenIDs: [Int32]
  /// Position of each token in its sequence, `[tokens]`.
  public var positions: [Int32]
  /// Where each token's keys and values go, `[tokens]`.
  public var slots: [Int64]
  /// First token of each sequence, then the number of tokens, `[sequences + 1]`.
  public var queryStarts: [Int32]
  /// Tokens of each sequence, those of this step included, `[sequences]`.
  public var contextLengths: [Int32]
  /// Blocks of each sequence, `[sequences, blockTableStride]`.
  public var blockTables: [Int32]
  /// Entries of a sequence in `blockTables`.
  public var blockTableStride: Int
  /// Tokens whose logits are computed, `[scoredRows]`.
  public var scoredRows: [Int32]
  /// Rows of logits (indices into `scoredRows`, ascending) that the host will read.
  public var hostRows: [Int32]
  /// Hidden rows (indices into `scoredRows`, ascending) that the host will read.
  public var hiddenRows: [Int32]
  /// What is drawn, one row for each of `scoredRows`; nil: nothing.
  public var sampling: SampleRequest?

  /// A step.
  public init(
    counts: StepCounts, tokenIDs: [Int32], positions: [Int32], slots: [Int64], queryStarts: [Int32],
    contextLengths: [Int32], blockTables: [Int32], blockTableStride: Int, scoredRows: [Int32], hostRows: [Int32] = [],
    hiddenRows: [Int32] = [], sampling: SampleRequest? = nil
  ) {
    self.counts = counts
    self.tokenIDs = tokenIDs
    self.positions = positions
    self.slots = slots
    self.queryStarts = queryStarts
    self.contextLengths = contextLengths
    self.blockTables = blockTables
    self.blockTableStride = blockTableStride
    self.scoredRows = scoredRows
    self.hostRows = hostRows
    self.hiddenRows = hiddenRows
    self.sampling = sampling
  }
}

/// A step that was submitted.
public protocol PendingPlanStep: AnyObject {
  /// Waits for the step and returns what was drawn; called once.
  func result() throws -> SampleResult
  /// Lends rows of an output, float32 `[rows, width]`, all of them in the step's `hostRows` or `hiddenRows`; after
  /// `result`, and before the next step is submitted.
  func withRows(of output: StepOutput, _ rows: Range<Int>, _ body: (UnsafePointer<Float>) throws -> Void) throws
}

extension Plan {
  /// Numbers in a row of an output, float32 [scored rows, width]; nil where the plan has none such.
  public func width(of output: StepOutput) -> Int? {
    let type = outputs.first { $0.name == output.rawValue }?.type
    guard let type, type.dtype == .float32, type.shape.count == 2, type.shape[0] == .scoredRows else { return nil }
    return type.width
  }
}

extension LoadedPlan {
  /// The host waits for each step.
  public var stepsInFlight: Int { 1 }

  /// Runs a step to its end.
  public func submit(_ step: PlanStep, times: ((Int, [UInt64]) -> Void)?) throws -> any PendingPlanStep {
    func put<Element>(_ values: [Element], _ input: StepInput) throws {
      try values.withUnsafeBytes { try write($0, to: .step(input)) }
    }
    try put(step.tokenIDs, .tokenIDs)
    try put(step.positions, .positions)
    try put(step.slots, .slots)
    try put(step.queryStarts, .queryStarts)
    try put(step.contextLengths, .contextLengths)
    try put(step.scoredRows, .scoredRows)
    // The plan's tables have the stride of the longest sequence it allows.
    let (stride, given) = (plan.limits.blocksPerSequence, step.blockTableStride)
    var tables = [Int32](repeating: 0, count: step.counts.sequences * stride)
    for sequence in 0..<step.counts.sequences {
      for index in 0..<min(stride, given) {
        tables[sequence * stride + index] = step.blockTables[sequence * given + index]
      }
    }
    try put(tables, .blockTables)
    try forward(step.counts, times: times)
    return FinishedPlanStep(self, try step.sampling.map(sample) ?? SampleResult(rowCount: 0, maximumTop: 0))
  }
}

/// A step that has run; its logits are the plan's output until the next one.
private final class FinishedPlanStep: PendingPlanStep {
  private let loaded: any LoadedPlan
  private let sampled: SampleResult

  init(_ loaded: any LoadedPlan, _ sampled: SampleResult) {
    self.loaded = loaded
    self.sampled = sampled
  }

  func result() throws -> SampleResult { sampled }

  func withRows(of output: StepOutput, _ rows: Range<Int>, _ body: (UnsafePointer<Float>) throws -> Void) throws {
    guard let width = loaded.plan.width(of: output) else {
      throw GraphError("the plan has no output \(output.rawValue)")
    }
    try loaded.withOutput(output.rawValue) { bytes in
      guard let start = bytes.baseAddress, rows.upperBound * width * 4 <= bytes.count else {
        throw GraphError("rows \(rows) of \(output.rawValue) were not computed")
      }
      try body(start.assumingMemoryBound(to: Float.self) + rows.lowerBound * width)
    }
  }
}
