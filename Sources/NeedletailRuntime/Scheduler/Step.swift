/// One forward pass: chunks of requests, those that decode first.
public struct Step: Sendable, Hashable {
  /// Number of the step, from 1.
  public let number: UInt64
  /// At most one for each request.
  public internal(set) var chunks: [Chunk] = []
  /// Tokens of all chunks.
  public internal(set) var tokenCount = 0
  /// Rows of logits of all chunks.
  public internal(set) var rowCount = 0

  /// Positions of one request that are computed in one step.
  public struct Chunk: Sendable, Hashable {
    /// The request.
    public var id: RequestID
    /// Its sequence in the scheduler's cache.
    public var slot: Int
    /// Positions to compute; not empty.
    public var positions: Range<Int>
    /// Positions of the prompt whose logits are wanted for themselves, within `positions`.
    public var scored: Range<Int>
    /// The last positions, from whose logits tokens are drawn: none, one, or one more than there are drafted tokens.
    public var sampled: Range<Int>
    /// First row of the chunk among the step's rows; the rows stand in the order of positions, none twice.
    public var firstRow: Int
    /// Row of the step before whose sampled token is the chunk's last; nil when the host knows it.
    public var carriedRow: Int?
    let admission: UInt64

    /// Rows of logits of the chunk. `scored` lies before `sampled` and may share its first position.
    public var rowCount: Int {
      scored.count + sampled.count - scored.clamped(to: sampled).count
    }

    /// Row (among the step's) of the first position of `scored`.
    public var firstScoredRow: Int { firstRow }

    /// Row (among the step's) of the first position of `sampled`.
    public var firstSampledRow: Int { firstRow + rowCount - sampled.count }
  }

  /// What came of a chunk.
  public enum Outcome: Sendable, Hashable {
    /// Part of a prompt was computed and no token drawn.
    case advanced
    /// This many tokens were drawn: 1, and one for each draft that was right.
    case accepted(Int)
    /// The request ends.
    case finished
  }
}
