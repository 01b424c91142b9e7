import Needletail
import Synchronization

extension LLM {
  /// The logits of all positions of a prompt, `[positions, vocabulary]`.
  public func logits(_ prompt: [Int32]) async throws -> [Float] {
    let rows = Mutex<[Float]>([])
    try await engine.score(prompt) { positions, logits in
      rows.withLock { rows in
        for row in 0..<positions.count { rows += logits[row] }
      }
    }
    return rows.withLock { $0 }
  }

  /// The most likely tokens after a prompt, end tokens taken as ordinary ones.
  public func greedy(_ prompt: [Int32], count: Int) async throws -> [Int32] {
    var options = SamplingOptions.greedy
    options.maximumTokens = count
    options.ignoresEndOfSequence = true
    return try await generate(prompt, options: options).tokenIDs
  }
}
