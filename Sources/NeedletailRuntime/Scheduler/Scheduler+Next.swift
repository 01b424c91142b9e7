extension Scheduler {
  /// The next step; nil when nothing can be computed before a step in flight is completed or a request arrives.
  public mutating func next() -> Step? {
    guard stepsInFlight < limits.stepsInFlight else { return nil }
    var step = Step(number: stepCount + 1)
    step.chunks.reserveCapacity(order.count)
    for slot in order where isDecoding(slot) { schedule(slot, in: &step) }
    for slot in order where !isDecoding(slot) {
      guard step.tokenCount < limits.tokensPerStep else { break }
      schedule(slot, in: &step)
    }
    while step.tokenCount < limits.tokensPerStep, let slot = admit() { schedule(slot, in: &step) }
    guard !step.chunks.isEmpty else { return nil }
    stepCount += 1
    return step
  }

  private func isDecoding(_ slot: Int) -> Bool { sequences[slot]?.phase == .decode }

  /// Gives the first waiting request its slot and blocks; nil when it has to wait. Those behind it wait too, so that a
  /// large one is not passed over forever.
  private mutating func admit() -> Int? {
    guard let first = waiting.first, let slot = freeSlots.last else { return nil }
    guard cache.open(slot, reservingTokens: first.request.cacheTokens) else { return nil }
    waiting.removeFirst()
    freeSlots.removeLast()
    admissionCount += 1
    sequences[slot] = Sequence(
      request: first.request, admission: admissionCount, tokenCount: first.tokenCount, scoredEnd: first.scoredEnd,
      deliveredEnd: first.scoredEnd)
    places[first.request.id] = .admitted(slot: slot)
    order.append(slot)
    return slot
  }

  /// Adds as much of the sequence's remaining tokens as fits; nothing when none does.
  private mutating func schedule(_ slot: Int, in step: inout Step) {
    guard var sequence = sequences[slot] else { return }
    if let expected = sequence.expected, !sequence.request.runsAhead || expected.isDrafted { return }
    let remaining = sequence.target - sequence.computed
    guard remaining > 0 else { return }
    let rows = limits.maximumScoredRows - step.rowCount
    var count = min(remaining, limits.tokensPerStep - step.tokenCount)
    if remaining > 1 { count = min(count, limits.tokensPerPrefillChunk) }
    let scoredStart = max(sequence.scoredEnd, sequence.computed)
    var scored = scoredStart..<max(scoredStart, sequence.request.scored.upperBound)
    if !scored.isEmpty { count = min(count, scoredStart - sequence.computed + rows) }
    guard count > 0 else { return }

    scored = scored.clamped(to: sequence.computed..<sequence.computed + count)
    var drafts = 0
    var samples = count == remaining && sequence.request.maximumTokens > 0
    if samples {
      // The last position needs a row of its own unless it is scored anyway.
      let needed = scored.count + (scored.upperBound == sequence.target && !scored.isEmpty ? 0 : 1)
      if needed > rows {
        count -= 1
        samples = false
      } else {
        drafts = min(sequence.draftCount, rows - needed, limits.tokensPerStep - step.tokenCount - count)
      }
    }
    guard count > 0 else { return }

    let end = sequence.computed + count
    let chunk = Step.Chunk(
      id: sequence.request.id, slot: slot, positions: sequence.computed..<end + drafts, scored: scored,
      sampled: samples ? end - 1..<end + drafts : end..<end, firstRow: step.rowCount,
      carriedRow: end == sequence.tokenCount ? sequence.expected?.row : nil, admission: sequence.admission)
    cache.extend(slot, to: end + drafts)
    sequence.computed = end
    sequence.scoredEnd = max(sequence.scoredEnd, scored.upperBound)
    sequence.draftCount = 0
    if samples {
      sequence.expected = Expected(step: step.number, row: chunk.firstSampledRow, isDrafted: drafts > 0)
      sequence.tokenCount += 1
      sequence.unknownCount += 1
    }
    sequences[slot] = sequence
    step.chunks.append(chunk)
    step.tokenCount += count + drafts
    step.rowCount += chunk.rowCount
  }
}
