extension Scheduler {
  /// The next step; nil when nothing can be computed before a step in flight is completed or a request arrives.
  public mutating func next() -> Step? {
    guard stepsInFlight < limits.stepsInFlight else { return nil }
    var step = Step(number: stepCount + 1)
    step.chunks.reserveCapacity(order.count)
    makeRoomForUrgent()
    // Requests that are preempted on the way stand behind the one they make room for.
    for slot in order where isDecoding(slot) { schedule(slot, in: &step) }
    var decodeCount = step.chunks.count
    for slot in order where !isDecoding(slot) {
      guard step.tokenCount < limits.tokensPerStep else { break }
      schedule(slot, in: &step)
    }
    while step.tokenCount < limits.tokensPerStep, let slot = admit(to: step) {
      if isDecoding(slot) {
        // It goes on with its answer at once: beside the others that do, or in the next step.
        guard step.chunks.count == decodeCount else { continue }
        decodeCount += 1
      }
      schedule(slot, in: &step)
    }
    guard !step.chunks.isEmpty else { return nil }
    stepCount += 1
    return step
  }

  private func isDecoding(_ slot: Int) -> Bool { sequences[slot]?.phase == .decode }

  /// Gives the first waiting request its slot and blocks; nil when it has to wait. Those behind it wait too, so that a
  /// large one is not passed over forever.
  private mutating func admit(to step: Step) -> Int? {
    guard let first = waiting.first, let slot = freeSlots.last, mayFit(first.request.id) else { return nil }
    var prefix: [Int32] = []
    if let root = first.text.root {
      let limit = first.reusableBlocks(ofSize: limits.blockSize)
      let found = cache.prefix(of: first.text.tokens, root, limit: limit, step: step.number)
      // Another request of this step computes what this one needs next.
      guard !found.isPending else { return nil }
      prefix = found.blocks
    }
    let isOptimistic = limits.policy == .maxUtilization
    // A block for each that runs, so that it does not have to go again in the next step.
    guard
      cache.open(
        slot, reservingTokens: isOptimistic ? first.tokenCount : first.request.cacheTokens, prefix: prefix,
        headroom: isOptimistic ? order.count : 0)
    else {
      shortage = Shortage(
        id: first.request.id, availableBlocks: cache.pool.availableCount, runningCount: order.count,
        additionCount: cache.additionCount)
      return nil
    }
    waiting.removeFirst()
    freeSlots.removeLast()
    admissionCount += 1
    shortage = nil
    let reused = prefix.count * limits.blockSize
    sequences[slot] = Sequence(
      request: first.request, admission: admissionCount, tokenCount: first.tokenCount, computed: reused,
      scoredEnd: first.scoredEnd, deliveredEnd: first.scoredEnd, reusedCount: reused)
    texts[slot] = first.text
    places[first.request.id] = .admitted(slot: slot)
    order.insert(slot, at: orderIndex(first.request.urgency))
    return slot
  }

  /// Whether it makes sense to look for room for the first waiting request.
  private func mayFit(_ id: RequestID) -> Bool {
    guard let shortage, shortage.id == id else { return true }
    return cache.pool.availableCount > shortage.availableBlocks || order.count < shortage.runningCount
      || cache.additionCount != shortage.additionCount
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
    guard makeRoom(slot, upTo: end, drafts: &drafts) else { return }

    let chunk = Step.Chunk(
      id: sequence.request.id, slot: slot, positions: sequence.computed..<end + drafts, scored: scored,
      sampled: samples ? end - 1..<end + drafts : end..<end, firstRow: step.rowCount,
      carriedRow: end == sequence.tokenCount ? sequence.expected?.row : nil, admission: sequence.admission)
    if sequence.phase != .decode, let root = texts[slot].root {
      let known = min(end, texts[slot].tokens.count)
      cache.publish(slot, texts[slot].tokens, root, upTo: known, step: step.number)
    }
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
