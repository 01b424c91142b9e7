import CNeedletailKernels
import NeedletailGraph
import NeedletailRuntime

struct FakeFailure: Error, Equatable {
  var reason = "the fake failed"
}

/// Runs `FakeModel` over a paged cache that it reads and writes by slots and block tables only, as a device does.
final class FakeExecutor: StepExecutor, @unchecked Sendable {
  let limits: ExecutorLimits
  let model: FakeModel
  /// Called on the engine's thread before each step, with its number from 1.
  let beforeStep: @Sendable (Int, StepBatch) throws -> Void
  /// Token and position by slot; garbage until written.
  private var cache: [(token: Int32, position: Int32)]
  private var previousTokens: [Int32] = []
  private var stepCount = 0
  private var unfinished = 0

  init(_ limits: ExecutorLimits, beforeStep: @escaping @Sendable (Int, StepBatch) throws -> Void = { _, _ in }) {
    self.limits = limits
    model = FakeModel(vocabularySize: limits.vocabularySize)
    self.beforeStep = beforeStep
    cache = Array(repeating: (-7, -7), count: limits.blockCount * limits.blockSize)
  }

  func submit(_ batch: StepBatch, _ sampling: SamplingBatch?) throws -> any PendingStep {
    stepCount += 1
    unfinished += 1
    precondition(unfinished <= limits.stepsInFlight, "\(unfinished) steps in flight")
    try beforeStep(stepCount, batch)
    check(batch, sampling)
    var tokens = batch.tokenIDs
    for carried in batch.carried { tokens[Int(carried.token)] = previousTokens[Int(carried.previousRow)] }
    for (index, slot) in batch.slots.enumerated() {
      cache[Int(slot)] = (tokens[index], batch.positions[index])
    }
    var logits: [[Float]] = []
    var sequence = 0
    for row in batch.scoredRows {
      while batch.queryStarts[sequence + 1] <= row { sequence += 1 }
      logits.append(model.logits(state(batch, sequence, through: batch.positions[Int(row)])))
    }
    let result = sampling.map { sample(logits, $0) } ?? StepResult()
    previousTokens = result.tokens
    return FakeStep(executor: self, batch: batch, logits: logits, value: result)
  }

  private func state(_ batch: StepBatch, _ sequence: Int, through last: Int32) -> UInt64 {
    var state: UInt64 = 0
    for position in 0...Int(last) {
      let block = Int(batch.blockTables[sequence * batch.blockTableStride + position / limits.blockSize])
      let entry = cache[block * limits.blockSize + position % limits.blockSize]
      precondition(entry.position == Int32(position), "position \(position) of sequence \(sequence) was overwritten")
      state = model.advance(state, token: entry.token, position: position)
    }
    return state
  }

  private func check(_ batch: StepBatch, _ sampling: SamplingBatch?) {
    precondition(batch.tokenCount > 0 && batch.tokenCount <= limits.tokensPerStep, "\(batch.tokenCount) tokens")
    precondition(batch.sequenceCount <= limits.maximumSequences, "\(batch.sequenceCount) sequences")
    precondition(batch.scoredRows.count <= limits.maximumScoredRows, "\(batch.scoredRows.count) rows")
    precondition(batch.scoredRows == batch.scoredRows.sorted(), "rows are not in order")
    precondition(Set(batch.slots).count == batch.slots.count, "two tokens share a slot")
    precondition(batch.carried.isEmpty || limits.stepsInFlight == 2, "a token is carried over nothing")
    precondition(sampling == nil || sampling?.rows.count == batch.scoredRows.count, "a row is not sampled")
    for sequence in 0..<batch.decodeCount {
      precondition(batch.queryStarts[sequence + 1] == sequence + 1, "a sequence that decodes has more than a token")
      precondition(batch.scoredRows.contains(Int32(sequence)), "a sequence that decodes draws nothing")
    }
    precondition(
      batch.carried.allSatisfy { Int($0.token) < batch.decodeCount }, "a carried token in a sequence that prefills")
    for sequence in 0..<batch.sequenceCount {
      let last = Int(batch.queryStarts[sequence + 1]) - 1
      precondition(batch.positions[last] + 1 == batch.contextLengths[sequence], "the context ends elsewhere")
      precondition(Int(batch.contextLengths[sequence]) < limits.maximumSequenceLength + 1, "the context is too long")
    }
  }

  private func sample(_ logits: [[Float]], _ sampling: SamplingBatch) -> StepResult {
    var result = StepResult(maximumTop: sampling.maximumTop)
    for (raw, row) in zip(logits, sampling.rows) {
      var draw = Draw(
        temperature: row.temperature, topK: Int(row.top_k), topP: row.top_p, minP: row.min_p,
        repetition: row.repetition_penalty, presence: row.presence_penalty, frequency: row.frequency_penalty,
        seed: row.seed, position: row.position)
      for entry in sampling.history[Int(row.history_start)...].prefix(Int(row.history_count)) {
        precondition(draw.counts.updateValue(Int(entry.generated), forKey: entry.token) == nil, "\(entry.token) twice")
      }
      for entry in sampling.biases[Int(row.bias_start)...].prefix(Int(row.bias_count)) {
        precondition(draw.bias.updateValue(entry.bias, forKey: entry.token) == nil, "\(entry.token) twice")
      }
      let token = draw.token(raw)
      let probabilities = logSoftmax(raw)
      let ranked = (0..<raw.count).sorted { (raw[$0], $1) > (raw[$1], $0) }
      result.tokens.append(token)
      result.logProbabilities.append(row.wants_logprob != 0 ? probabilities[Int(token)] : .nan)
      for index in 0..<sampling.maximumTop {
        let isListed = index < Int(row.top_logprobs)
        result.topTokens.append(isListed ? Int32(ranked[index]) : -1)
        result.topLogProbabilities.append(isListed ? probabilities[ranked[index]] : .nan)
      }
    }
    return result
  }

  fileprivate func finishStep() { unfinished -= 1 }
}

private final class FakeStep: PendingStep {
  let executor: FakeExecutor
  let batch: StepBatch
  let logits: [[Float]]
  let value: StepResult

  init(executor: FakeExecutor, batch: StepBatch, logits: [[Float]], value: StepResult) {
    self.executor = executor
    self.batch = batch
    self.logits = logits
    self.value = value
  }

  func result() throws -> StepResult {
    executor.finishStep()
    return value
  }

  func withRows(of output: StepOutput, _ rows: Range<Int>, _ body: (FloatRows) throws -> Void) throws {
    let onHost = output == .logits ? batch.hostRows : batch.hiddenRows
    for row in rows { precondition(onHost.contains(Int32(row)), "row \(row) is not on the host") }
    // Hidden rows are the first few logits.
    let size = output == .logits ? executor.limits.vocabularySize : executor.limits.hiddenSize ?? 0
    // Rows further apart than they are long, as a device may keep them.
    let flat = logits[rows].flatMap { $0.prefix(size) + [.nan, .nan, .nan] }
    try flat.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      try body(FloatRows(base: base, rowCount: rows.count, width: size, stride: size + 3))
    }
  }
}
