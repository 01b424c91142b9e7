import DequeModule

extension Scheduler {
  /// Adds a request to those that wait, or refuses one that can never run.
  /// - Parameter text: its prompt.
  public mutating func enqueue(_ request: Request, _ text: Text) throws(RequestRefusal) {
    precondition(text.tokens.count == request.promptCount, "\(text.tokens.count) tokens of \(request.promptCount)")
    try limits.check(request)
    precondition(places[request.id] == nil, "request \(request.id) exists")
    insert(Waiting(request: request, text: text, scoredEnd: request.scored.lowerBound))
  }

  /// Removes a request wherever it is; its rows in steps in flight are stale from now on. False if it is not known.
  @discardableResult
  public mutating func cancel(_ id: RequestID) -> Bool {
    switch places[id] {
    case nil: return false
    case .waiting(let priority):
      let index = waitingIndex(Urgency(priority: priority, id: id))
      precondition(index < waiting.count && waiting[index].request.id == id, "request \(id) does not wait")
      waiting.remove(at: index)
      places[id] = nil
    case .admitted(let slot):
      release(slot)
      order.removeAll { $0 == slot }
    }
    return true
  }

  /// Takes an admitted request's blocks away and lets it wait; it will compute its tokens so far again, but for those the
  /// cache still holds, and goes on exactly where it was. Tokens still on the device are dropped and drawn again. False if
  /// it is not admitted.
  @discardableResult
  public mutating func preempt(_ id: RequestID) -> Bool {
    guard case .admitted(let slot) = places[id], let sequence = sequences[slot] else { return false }
    // One that shares with nobody finds its own blocks again.
    texts[slot].root = texts[slot].root ?? .group(id)
    let text = texts[slot]
    precondition(text.tokens.count == sequence.tokenCount - sequence.unknownCount, "request \(id) lost tokens")
    release(slot)
    order.removeAll { $0 == slot }
    insert(Waiting(request: sequence.request, text: text, scoredEnd: sequence.deliveredEnd))
    preemptionCount += 1
    return true
  }

  /// Proposes tokens to follow the request's last one: its next chunk computes and scores them too, and `complete` keeps
  /// as many as were right. Fewer are used when the step, the cache or the request has less room. Ignored unless it
  /// decodes and its last token is known.
  public mutating func propose(_ id: RequestID, draftCount: Int) {
    precondition(draftCount >= 0, "\(draftCount) drafts")
    guard case .admitted(let slot) = places[id], let sequence = sequences[slot] else { return }
    guard sequence.expected == nil, sequence.computed == sequence.tokenCount - 1 else { return }
    // One token follows the last draft that is right.
    let room = sequence.request.maximumTokens - sequence.generatedCount - 1
    sequences[slot]?.draftCount = max(0, min(draftCount, room))
  }

  /// Whether the chunk's request is still admitted as it was when the chunk was scheduled.
  public func isCurrent(_ chunk: Step.Chunk) -> Bool { sequences[chunk.slot]?.admission == chunk.admission }

  /// The request of a chunk that is current.
  package func request(of chunk: Step.Chunk) -> Request? { isCurrent(chunk) ? sequences[chunk.slot]?.request : nil }

  private mutating func insert(_ request: Waiting) {
    waiting.insert(request, at: waitingIndex(request.request.urgency))
    places[request.request.id] = .waiting(priority: request.request.priority)
  }

  /// Where the request stands or would stand among those that wait.
  private func waitingIndex(_ urgency: Urgency) -> Int {
    firstIndex(waiting.count) { !(waiting[$0].request.urgency < urgency) }
  }

  /// Where the request would stand among those that run.
  func orderIndex(_ urgency: Urgency) -> Int {
    firstIndex(order.count) { index in sequences[order[index]].map { urgency < $0.request.urgency } ?? true }
  }

  /// The first of `count` indices that has what all after it have, too.
  private func firstIndex(_ count: Int, _ has: (Int) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if has(middle) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// Ends an admission and keeps what it computed for others; the caller takes the slot out of `order`.
  ///
  /// Its blocks may be given away at once even if a step in flight still writes them: the executor runs steps in order,
  /// so whoever gets a block writes it later, and whoever finds it reads it later.
  mutating func release(_ slot: Int) {
    guard let sequence = sequences[slot] else { return }
    places[sequence.request.id] = nil
    let text = texts[slot]
    if let root = text.root {
      cache.close(slot, keeping: text.tokens, root, upTo: min(sequence.computed, text.tokens.count))
    } else {
      cache.close(slot)
    }
    sequences[slot] = nil
    texts[slot] = Text([])
    freeSlots.append(slot)
  }
}
