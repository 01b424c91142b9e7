extension Scheduler {
  /// Traps unless queue, slots, tables and counts agree; time linear in all of them.
  public func checkInvariants() {
    cache.checkInvariants()
    precondition(stepsInFlight >= 0 && stepsInFlight <= limits.stepsInFlight, "\(stepsInFlight) steps in flight")
    precondition(places.count == waiting.count + order.count, "\(places.count) places")
    for (index, request) in waiting.enumerated() {
      guard case .waiting = places[request.request.id] else {
        preconditionFailure("\(request.request.id) has no place")
      }
      guard index > 0 else { continue }
      let before = waiting[index - 1].request
      precondition(before.urgency < request.request.urgency, "request \(request.request.id) waits behind \(before.id)")
    }
    for (before, after) in zip(order, order.dropFirst()) {
      guard let before = sequences[before]?.request, let after = sequences[after]?.request else {
        preconditionFailure("a slot in the order is empty")
      }
      precondition(before.urgency < after.urgency, "request \(after.id) runs behind \(before.id)")
    }
    precondition(Set(order).count == order.count, "a slot is in the order twice")
    precondition(order.count + freeSlots.count == limits.maximumSequences, "a slot is lost")
    for slot in freeSlots {
      precondition(sequences[slot] == nil && !cache.tables[slot].isOpen, "slot \(slot) is free and in use")
      precondition(texts[slot].tokens.isEmpty, "slot \(slot) is free and has tokens")
    }
    for slot in order {
      guard let sequence = sequences[slot] else { preconditionFailure("slot \(slot) is in the order and empty") }
      let request = sequence.request
      guard case .admitted(slot) = places[request.id] else { preconditionFailure("\(request.id) is elsewhere") }
      let table = cache.tables[slot]
      precondition(table.isOpen, "request \(request.id) has no table")
      precondition(sequence.computed <= sequence.tokenCount, "request \(request.id) computed tokens it has not")
      precondition(sequence.generatedCount <= request.maximumTokens, "request \(request.id) generated too many")
      precondition(
        table.tokenCount >= sequence.computed && table.tokenCount <= request.cacheTokens,
        "request \(request.id): \(table.tokenCount) slots, \(sequence.computed) computed")
      if limits.policy == .guaranteedNoEvict {
        precondition(
          table.blocks.count + table.reservedBlocks == cache.blocks(forTokens: request.cacheTokens),
          "request \(request.id) may meet a full cache")
      }
      precondition(
        texts[slot].tokens.count == sequence.tokenCount - sequence.unknownCount,
        "request \(request.id): \(texts[slot].tokens.count) known tokens of \(sequence.tokenCount)")
      precondition(
        sequence.unknownCount <= stepsInFlight && (sequence.unknownCount == 0) == (sequence.expected == nil),
        "request \(request.id): \(sequence.unknownCount) unknown tokens")
      if let expected = sequence.expected {
        precondition(
          expected.step > completedSteps && expected.step <= stepCount, "\(request.id) waits for a done step")
      }
    }
  }
}
