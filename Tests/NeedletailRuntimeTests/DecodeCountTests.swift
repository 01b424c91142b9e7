import NeedletailRuntime
import Synchronization
import Testing

@Suite struct DecodeCountTests {
  /// Tokens and decodes of each step of a request that runs alone.
  private func steps(_ prompt: [Int32], _ count: Int, chunk: Int? = nil, inFlight: Int) async throws -> [[Int]] {
    let seen = Seen()
    let executor = FakeExecutor(executorLimits(inFlight: inFlight)) { _, batch in
      seen.steps.withLock { $0.append([batch.tokenCount, batch.decodeCount]) }
    }
    let engine = try Engine(executor: executor, tokensPerPrefillChunk: chunk)
    _ = try await Outcome(engine.submit(greedy(prompt, count)))
    await engine.shutdown()
    return seen.steps.withLock { Array($0.prefix(count + (chunk.map { (prompt.count - 1) / $0 } ?? 0))) }
  }

  private final class Seen: Sendable {
    let steps = Mutex<[[Int]]>([])
  }

  @Test(arguments: [1, 2]) func onlyGeneratedTokensAreDecodes(_ inFlight: Int) async throws {
    #expect(try await steps([1, 2, 3], 4, inFlight: inFlight) == [[3, 0], [1, 1], [1, 1], [1, 1]])
    // A prompt of one token is a prompt.
    #expect(try await steps([5], 3, inFlight: inFlight) == [[1, 0], [1, 1], [1, 1]])
    // So is the last token of one that came in chunks.
    #expect(try await steps([1, 2, 3], 2, chunk: 2, inFlight: inFlight) == [[2, 0], [1, 0], [1, 1]])
  }
}
