import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels

/// Runs the steps of an engine on a loaded plan of a language model.
///
/// The plan's outputs must have "logits", float32 [scored rows, vocabulary].
public final class PlanExecutor: StepExecutor, @unchecked Sendable {
  /// What one step and the cache can hold.
  public let limits: ExecutorLimits
  /// The plan on its device.
  public let loaded: any LoadedPlan
  /// Called after each step with the variant's index and the nanoseconds of each of its launches; the device is waited
  /// for at each step then.
  public var observeLaunches: ((Int, [UInt64]) -> Void)?

  /// An executor over a loaded plan.
  public init(_ loaded: any LoadedPlan) throws {
    let plan = loaded.plan
    guard let vocabularySize = plan.width(of: .logits) else {
      throw GraphError("the plan has no output logits of float32 [scoredRows, vocabulary]")
    }
    self.loaded = loaded
    limits = ExecutorLimits(
      tokensPerStep: plan.limits.tokens, maximumSequences: plan.limits.sequences,
      maximumScoredRows: plan.limits.scoredRows, blockSize: plan.limits.blockSize, blockCount: loaded.blockCount,
      maximumSequenceLength: plan.limits.sequenceLength, vocabularySize: vocabularySize,
      hiddenSize: plan.width(of: .hidden), stepsInFlight: loaded.stepsInFlight)
  }

  /// Starts a step; on the CPU it has finished when this returns.
  public func submit(_ batch: StepBatch, _ sampling: SamplingBatch?) throws -> any PendingStep {
    PlanPendingStep(
      try loaded.submit(Self.step(batch, sampling), times: observeLaunches), maximumTop: sampling?.maximumTop ?? 0,
      limits: limits)
  }

  /// A step as plans take it.
  public static func step(_ batch: StepBatch, _ sampling: SamplingBatch?) -> PlanStep {
    var tokenIDs = batch.tokenIDs
    for carried in batch.carried { tokenIDs[Int(carried.token)] = -1 - carried.previousRow }
    return PlanStep(
      counts: StepCounts(
        tokens: batch.tokenCount, sequences: batch.sequenceCount, scoredRows: batch.scoredRows.count,
        decodes: batch.decodeCount),
      tokenIDs: tokenIDs, positions: batch.positions, slots: batch.slots, queryStarts: batch.queryStarts,
      contextLengths: batch.contextLengths, blockTables: batch.blockTables, blockTableStride: batch.blockTableStride,
      scoredRows: batch.scoredRows, hostRows: batch.hostRows, hiddenRows: batch.hiddenRows,
      sampling: sampling.map {
        SampleRequest(
          rows: $0.rows, history: $0.history, biases: $0.biases, masks: $0.masks, maximumTop: $0.maximumTop)
      })
  }
}

/// A step on the plan's device.
private final class PlanPendingStep: PendingStep {
  private let step: any PendingPlanStep
  private let maximumTop: Int
  private let limits: ExecutorLimits

  init(_ step: any PendingPlanStep, maximumTop: Int, limits: ExecutorLimits) {
    self.step = step
    self.maximumTop = maximumTop
    self.limits = limits
  }

  func result() throws -> StepResult {
    let sampled = try step.result()
    return StepResult(
      tokens: sampled.tokens, logProbabilities: sampled.logProbabilities, topTokens: sampled.topTokens,
      topLogProbabilities: sampled.topLogProbabilities, maximumTop: maximumTop)
  }

  func withRows(of output: StepOutput, _ rows: Range<Int>, _ body: (FloatRows) throws -> Void) throws {
    let width = output == .logits ? limits.vocabularySize : limits.hiddenSize ?? 0
    try step.withRows(of: output, rows) {
      try body(FloatRows(base: $0, rowCount: rows.count, width: width, stride: width))
    }
  }
}
