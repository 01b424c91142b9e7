extension Scheduler {
  /// Gives the sequence's positions before `end` their slots, and those of as many drafts as there is room for. Where the
  /// cache is full, the least urgent request gives its blocks back; false when that is this one.
  ///
  /// Only a request that decodes gets here without having reserved what it needs, and those are scheduled first and in
  /// order, so that whoever is preempted has no chunk in the step yet. The most urgent one always gets on: it fits alone.
  mutating func makeRoom(_ slot: Int, upTo end: Int, drafts: inout Int) -> Bool {
    if cache.grow(slot, to: end + drafts) { return true }
    drafts = 0
    while !cache.grow(slot, to: end) {
      guard let last = order.last, let sequence = sequences[last] else {
        preconditionFailure("a request does not fit the empty cache")
      }
      preempt(sequence.request.id)
      if last == slot { return false }
    }
    return true
  }

  /// Preempts requests that are less urgent than the first that waits, if it can start then.
  mutating func makeRoomForUrgent() {
    guard limits.policy == .maxUtilization, let first = waiting.first, let last = order.last,
      let leastUrgent = sequences[last], first.request.priority < leastUrgent.request.priority
    else { return }
    let needed = cache.blocks(forTokens: first.tokenCount)
    func fits(running: Int) -> Bool { cache.pool.availableCount >= needed + running && !freeSlots.isEmpty }
    // Blocks that are shared are counted more than once: at worst it has to wait all the same.
    var (possible, others) = (cache.pool.availableCount, order.count)
    for slot in order.reversed() {
      guard let sequence = sequences[slot], first.request.priority < sequence.request.priority else { break }
      possible += cache.blockCount(of: slot)
      others -= 1
    }
    guard possible >= needed + others else { return }
    while !fits(running: order.count), let last = order.last, let sequence = sequences[last],
      first.request.priority < sequence.request.priority
    {
      preempt(sequence.request.id)
    }
  }
}
