extension EngineLoop {
  /// Fills the inputs of a step; the sampling is nil when no row is sampled.
  func batch(for step: Step) -> (StepBatch, SamplingBatch?) {
    var batch = StepBatch()
    var sampling = SamplingBatch()
    batch.tokenIDs.reserveCapacity(step.tokenCount)
    batch.positions.reserveCapacity(step.tokenCount)
    batch.slots.reserveCapacity(step.tokenCount)
    batch.contextLengths.reserveCapacity(step.chunks.count)
    batch.queryStarts.reserveCapacity(step.chunks.count + 1)
    sampling.rows.reserveCapacity(step.rowCount)
    batch.blockTableStride = step.chunks.reduce(0) { max($0, scheduler.cache.blockCount(of: $1.slot)) }
    batch.blockTables.reserveCapacity(step.chunks.count * batch.blockTableStride)
    var anySampled = false
    for (index, chunk) in step.chunks.enumerated() {
      guard let request = requests[chunk.id] else { preconditionFailure("request \(chunk.id) is not known") }
      // The scheduler puts sequences that decode first.
      if chunk.positions.count == 1, chunk.positions.lowerBound >= request.promptCount, batch.decodeCount == index {
        batch.decodeCount += 1
      }
      append(chunk, of: request, to: &batch)
      if appendRows(chunk, of: request, to: &batch, &sampling) { anySampled = true }
    }
    return (batch, anySampled ? sampling : nil)
  }

  private func append(_ chunk: Step.Chunk, of request: ActiveRequest, to batch: inout StepBatch) {
    let tokens = scheduler.tokens(of: chunk.slot)
    let known = min(chunk.positions.upperBound, tokens.count)
    batch.tokenIDs.append(contentsOf: tokens[chunk.positions.lowerBound..<known])
    if let row = chunk.carriedRow {
      batch.carried.append(
        StepBatch.CarriedToken(token: Int32(batch.tokenIDs.count), previousRow: Int32(row)))
      batch.tokenIDs.append(0)
    }
    for position in chunk.positions { batch.positions.append(Int32(position)) }
    scheduler.cache.appendSlots(of: chunk.slot, positions: chunk.positions, to: &batch.slots)
    precondition(batch.tokenIDs.count == batch.slots.count, "request \(chunk.id): \(chunk.positions) are not all known")
    batch.queryStarts.append(Int32(batch.tokenIDs.count))
    batch.contextLengths.append(Int32(chunk.positions.upperBound))
    scheduler.cache.appendBlocks(of: chunk.slot, stride: batch.blockTableStride, to: &batch.blockTables)
  }

  /// Appends the rows of a chunk in the order of their positions; true when one of them is sampled.
  private func appendRows(
    _ chunk: Step.Chunk, of request: ActiveRequest, to batch: inout StepBatch, _ sampling: inout SamplingBatch
  ) -> Bool {
    let firstToken = batch.tokenIDs.count - chunk.positions.count - chunk.positions.lowerBound
    var anySampled = false
    let wanted = request.scoring?.positions ?? 0..<0
    for position in chunk.scored {
      if wanted.contains(position) {
        let row = Int32(batch.scoredRows.count)
        if request.scoring?.output == .hidden { batch.hiddenRows.append(row) } else { batch.hostRows.append(row) }
      }
      // The row that is sampled, too, is appended below.
      if chunk.sampled.contains(position) { continue }
      batch.scoredRows.append(Int32(firstToken + position))
      if let top = request.options.promptLogProbabilities, position + 1 < request.promptCount {
        sampling.appendForced(token: scheduler.tokens(of: chunk.slot)[position + 1], top: top)
        anySampled = true
      } else {
        sampling.appendUnsampled()
      }
    }
    for position in chunk.sampled {
      batch.scoredRows.append(Int32(firstToken + position))
      request.sampler.append(index: position + 1 - request.promptCount, to: &sampling)
      anySampled = true
    }
    return anySampled
  }
}
