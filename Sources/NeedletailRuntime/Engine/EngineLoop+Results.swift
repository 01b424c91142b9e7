extension EngineLoop {
  /// Tells the step's requests what came of it, and the scheduler who goes on.
  func complete(_ submitted: SubmittedStep, _ result: StepResult, at now: ContinuousClock.Instant) throws {
    let step = submitted.step
    var outcomes: [Step.Outcome] = []
    outcomes.reserveCapacity(step.chunks.count)
    for chunk in step.chunks {
      // A request that ended or was preempted after the step was scheduled: its rows are surplus.
      guard scheduler.isCurrent(chunk), let request = requests[chunk.id] else {
        outcomes.append(.finished)
        continue
      }
      do {
        if !chunk.scored.isEmpty { try deliverScores(chunk, of: request, submitted, result) }
        outcomes.append(try deliverTokens(chunk, of: request, result, at: now))
      } catch {
        end(request, throwing: error)
        outcomes.append(.finished)
      }
    }
    scheduler.complete(step, outcomes, drawn: result.tokens)
    changes.steps += 1
    changes.processedTokens += step.tokenCount
  }

  private func deliverTokens(
    _ chunk: Step.Chunk, of request: ActiveRequest, _ result: StepResult, at now: ContinuousClock.Instant
  ) throws -> Step.Outcome {
    if chunk.sampled.isEmpty {
      guard request.maximumTokens == 0, chunk.positions.upperBound == request.promptCount else { return .advanced }
      try finish(request, .length, at: now)
      return .finished
    }
    let row = chunk.firstSampledRow
    let token = result.tokens[row]
    guard token >= 0, token < executor.limits.vocabularySize else {
      throw EngineError.invalidToken(token, vocabularySize: executor.limits.vocabularySize)
    }
    if request.firstToken == nil {
      request.firstToken = now
      changes.timeToFirstToken.add(now - request.submitted)
    }
    changes.generatedTokens += 1
    let index = request.generatedCount
    let (text, end) = try request.accept(token)
    let wantsProbability = request.options.logProbabilities != nil
    request.events.yield(
      .token(
        GeneratedToken(
          id: token, index: index, text: text, logProbability: wantsProbability ? result.logProbabilities[row] : nil,
          top: result.top(row, count: request.options.logProbabilities ?? 0))))
    guard let end else { return .accepted(1) }
    try finish(request, end, at: now)
    return .finished
  }

  private func finish(_ request: ActiveRequest, _ reason: FinishReason, at now: ContinuousClock.Instant) throws {
    try request.finish(reason, at: now)
    requests[request.id] = nil
    changes.finishedRequests += 1
  }

  /// Hands out the rows and log-probabilities of the chunk's positions that were asked for.
  private func deliverScores(
    _ chunk: Step.Chunk, of request: ActiveRequest, _ submitted: SubmittedStep, _ result: StepResult
  ) throws {
    if let scoring = request.scoring {
      let positions = chunk.scored.clamped(to: scoring.positions)
      if !positions.isEmpty {
        let first = chunk.firstScoredRow + positions.lowerBound - chunk.scored.lowerBound
        try submitted.pending.withRows(of: scoring.output, first..<first + positions.count) {
          try scoring.receive(positions, $0)
        }
      }
    }
    guard let top = request.options.promptLogProbabilities else { return }
    for position in chunk.scored where position + 1 < request.promptCount {
      let row = chunk.firstScoredRow + position - chunk.scored.lowerBound
      let next = scheduler.tokens(of: chunk.slot)[position + 1]
      let token = TokenProbability(id: next, logProbability: result.logProbabilities[row])
      request.events.yield(
        .promptToken(PromptToken(position: position + 1, token: token, top: result.top(row, count: top))))
    }
  }
}

extension StepResult {
  /// The `count` most likely tokens of a row.
  func top(_ row: Int, count: Int) -> [TokenProbability] {
    guard count > 0 else { return [] }
    let start = row * maximumTop
    return (start..<start + count).map { TokenProbability(id: topTokens[$0], logProbability: topLogProbabilities[$0]) }
  }
}
