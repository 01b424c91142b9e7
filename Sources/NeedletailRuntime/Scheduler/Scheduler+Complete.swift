extension Scheduler {
  /// Takes in what came of a step: steps are completed in the order `next` gave them out.
  /// - Parameters:
  ///   - outcomes: one for each chunk; those of requests that were cancelled meanwhile are ignored.
  ///   - drawn: the token of each of the step's rows; may be empty where none was accepted.
  public mutating func complete(_ step: Step, _ outcomes: [Step.Outcome], drawn: [Int32]) {
    precondition(step.number == completedSteps + 1, "step \(step.number) completed after \(completedSteps)")
    precondition(outcomes.count == step.chunks.count, "\(outcomes.count) outcomes of \(step.chunks.count) chunks")
    completedSteps += 1
    var anyEnded = false
    for (chunk, outcome) in zip(step.chunks, outcomes) where isCurrent(chunk) {
      switch outcome {
      case .advanced:
        precondition(chunk.sampled.isEmpty, "request \(chunk.id) drew a token that nobody took")
        if !chunk.scored.isEmpty { sequences[chunk.slot]?.deliveredEnd = chunk.scored.upperBound }
      case .accepted(let count):
        accept(count, chunk, step, drawn)
      case .finished:
        release(chunk.slot)
        anyEnded = true
      }
    }
    if anyEnded { order.removeAll { sequences[$0] == nil } }
  }

  private mutating func accept(_ count: Int, _ chunk: Step.Chunk, _ step: Step, _ drawn: [Int32]) {
    guard var sequence = sequences[chunk.slot] else { return }
    precondition(count >= 1 && count <= chunk.sampled.count, "\(count) tokens of \(chunk.sampled.count) rows")
    for row in chunk.firstSampledRow..<chunk.firstSampledRow + count { texts[chunk.slot].tokens.append(drawn[row]) }
    sequence.unknownCount -= 1
    if !chunk.scored.isEmpty { sequence.deliveredEnd = chunk.scored.upperBound }
    if sequence.expected?.step == step.number {
      sequence.expected = nil
      if chunk.sampled.count > 1 {
        // Drafts that were wrong leave the cache; the last token that counts has not been computed yet.
        sequence.tokenCount += count - 1
        sequence.computed = sequence.tokenCount - 1
        cache.truncate(chunk.slot, to: sequence.computed)
      }
    }
    precondition(
      sequence.expected != nil || sequence.generatedCount < sequence.request.maximumTokens,
      "request \(chunk.id) has all its \(sequence.request.maximumTokens) tokens and was not ended")
    sequences[chunk.slot] = sequence
  }
}
