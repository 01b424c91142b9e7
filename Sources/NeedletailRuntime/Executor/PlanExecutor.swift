import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels

/// Runs the steps of an engine on a loaded plan of a language model.
///
/// The plan's outputs must have "logits", float32 [scored rows, vocabulary].
public final class PlanExecutor: StepExecutor, @unchecked Sendable {
  /// What one step and the cache can hold.
  public let limits: ExecutorLimits
  /// Called after each step with the variant's index and the nanoseconds of each of its launches.
  public var observeLaunches: ((Int, [UInt64]) -> Void)?
  private let loaded: any LoadedPlan
  private var blockTables: [Int32] = []

  /// An executor over a loaded plan.
  public init(_ loaded: any LoadedPlan) throws {
    let plan = loaded.plan
    guard let logits = plan.outputs.first(where: { $0.name == "logits" }), logits.type.dtype == .float32,
      logits.type.shape.count == 2, logits.type.shape[0] == .scoredRows
    else { throw GraphError("the plan has no output logits of float32 [scoredRows, vocabulary]") }
    self.loaded = loaded
    limits = ExecutorLimits(
      tokensPerStep: plan.limits.tokens, maximumSequences: plan.limits.sequences,
      maximumScoredRows: plan.limits.scoredRows, blockSize: plan.limits.blockSize, blockCount: loaded.blockCount,
      maximumSequenceLength: plan.limits.sequenceLength, vocabularySize: logits.type.width)
  }

  /// Runs a step; on the CPU it has finished when this returns.
  public func submit(_ batch: StepBatch, _ sampling: SamplingBatch?) throws -> any PendingStep {
    try write(batch.tokenIDs, to: .tokenIDs)
    try write(batch.positions, to: .positions)
    try write(batch.slots, to: .slots)
    try write(batch.queryStarts, to: .queryStarts)
    try write(batch.contextLengths, to: .contextLengths)
    try write(batch.scoredRows, to: .scoredRows)
    try write(tables(of: batch), to: .blockTables)
    let counts = StepCounts(
      tokens: batch.tokenCount, sequences: batch.sequenceCount, scoredRows: batch.scoredRows.count)
    try loaded.forward(counts, times: observeLaunches)
    return FinishedStep(
      result: try sampling.map(sample) ?? StepResult(), loaded: loaded, vocabularySize: limits.vocabularySize)
  }

  private func write<Element>(_ values: [Element], to input: StepInput) throws {
    try values.withUnsafeBytes { try loaded.write($0, to: .step(input)) }
  }

  // The plan's tables have the stride of the longest sequence it allows, a batch's that of the longest it has.
  private func tables(of batch: StepBatch) -> [Int32] {
    let stride = loaded.plan.limits.blocksPerSequence
    let count = batch.sequenceCount * stride
    if blockTables.count < count { blockTables += Array(repeating: 0, count: count - blockTables.count) }
    for sequence in 0..<batch.sequenceCount {
      let row = batch.blockTables[sequence * batch.blockTableStride..<(sequence + 1) * batch.blockTableStride]
      for (index, block) in row.prefix(stride).enumerated() { blockTables[sequence * stride + index] = block }
    }
    return Array(blockTables.prefix(count))
  }

  private func sample(_ batch: SamplingBatch) throws -> StepResult {
    let sampled = try loaded.sample(
      SampleRequest(
        rows: batch.rows, history: batch.history, biases: batch.biases, masks: batch.masks,
        maximumTop: batch.maximumTop))
    return StepResult(
      tokens: sampled.tokens, logProbabilities: sampled.logProbabilities, topTokens: sampled.topTokens,
      topLogProbabilities: sampled.topLogProbabilities, maximumTop: batch.maximumTop)
  }
}

/// A step that has run.
private final class FinishedStep: PendingStep {
  private let sampled: StepResult
  private let loaded: any LoadedPlan
  private let vocabularySize: Int

  init(result: StepResult, loaded: any LoadedPlan, vocabularySize: Int) {
    sampled = result
    self.loaded = loaded
    self.vocabularySize = vocabularySize
  }

  func result() throws -> StepResult { sampled }

  func withLogits(rows: Range<Int>, _ body: (LogitRows) throws -> Void) throws {
    try loaded.withOutput("logits") { bytes in
      guard let start = bytes.baseAddress, rows.upperBound * vocabularySize * 4 <= bytes.count else {
        throw GraphError("logits of rows \(rows) were not computed")
      }
      let base = start.assumingMemoryBound(to: Float.self) + rows.lowerBound * vocabularySize
      try body(LogitRows(base: base, rowCount: rows.count, vocabularySize: vocabularySize, stride: vocabularySize))
    }
  }
}
