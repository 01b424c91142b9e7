import Needletail
import NeedletailKernels

extension Inspection {
  /// Loads the plan, runs each phase's step several times and keeps the median time of each launch.
  mutating func measure(seed: UInt64, repeats: Int = 9) throws {
    let bar = ProgressBar("loading")
    let executor = try compiled.executor(seed: seed) { bar.update($0) }
    bar.finish()
    var runs: [[UInt64]] = []
    executor.observeLaunches = { _, times in runs.append(times) }
    for index in phases.indices {
      let profile = phases[index].profile
      let block = plan.limits.blockSize
      let blocks = profile.sequences.reduce(0) { $0 + ($1.context + block - 1) / block }
      guard blocks <= compiled.blockCount else {
        throw UsageError("the cache has \(compiled.blockCount) blocks, but measuring needs \(blocks)")
      }
      if let loaded = executor.loaded as? any MeasurablePlan {
        let batch = StepBatch(profile, block, firstBlock: 0)
        phases[index].take(try loaded.measure(PlanExecutor.step(batch, nil), repeats: repeats * 4))
        continue
      }
      try fillCache(for: profile, executor)
      runs = []
      let start = ContinuousClock.now
      for _ in 0..<repeats { _ = try executor.submit(StepBatch(profile, block, firstBlock: 0), nil).result() }
      phases[index].wholeStep = (ContinuousClock.now - start).seconds / Double(repeats)
      for row in phases[index].rows.indices {
        let times = runs.map { $0[phases[index].rows[row].index] }.sorted()
        phases[index].rows[row].measured = Double(times[times.count / 2]) * 1e-9
      }
    }
  }

  /// Computes every sequence up to the step, so that attention reads memory that was written.
  private func fillCache(for profile: StepProfile, _ executor: PlanExecutor) throws {
    let block = plan.limits.blockSize
    var firstBlock = 0
    for sequence in profile.sequences {
      var done = 0
      while done < sequence.context - sequence.queries {
        let count = min(plan.limits.tokens, sequence.context - sequence.queries - done)
        let part = StepProfile([.init(queries: count, context: done + count)])
        _ = try executor.submit(StepBatch(part, block, firstBlock: firstBlock), nil).result()
        done += count
      }
      firstBlock += (sequence.context + block - 1) / block
    }
  }
}

extension InspectionPhase {
  /// Keeps what a device measured.
  fileprivate mutating func take(_ measurement: StepMeasurement) {
    for row in rows.indices { rows[row].measured = measurement.launches[rows[row].index] }
    (wholeStep, watts) = (measurement.step, measurement.watts)
  }
}

extension StepBatch {
  /// A step of a profile whose sequences own consecutive blocks from `firstBlock` on; the last row of each is scored.
  init(_ profile: StepProfile, _ blockSize: Int, firstBlock: Int) {
    self.init()
    let blockCounts = profile.sequences.map { ($0.context + blockSize - 1) / blockSize }
    blockTableStride = blockCounts.max() ?? 0
    var block = firstBlock
    decodeCount = profile.counts.decodes
    for (sequence, blocks) in zip(profile.sequences, blockCounts) {
      for position in sequence.context - sequence.queries..<sequence.context {
        tokenIDs.append(Int32(position % 97 + 3))
        positions.append(Int32(position))
        slots.append(Int64(block * blockSize + position))
      }
      queryStarts.append(Int32(tokenIDs.count))
      contextLengths.append(Int32(sequence.context))
      scoredRows.append(Int32(tokenIDs.count - 1))
      blockTables += (0..<blockTableStride).map { $0 < blocks ? Int32(block + $0) : 0 }
      block += blocks
    }
  }
}
