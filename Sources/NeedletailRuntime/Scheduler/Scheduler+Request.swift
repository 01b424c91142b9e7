extension Scheduler {
  /// What the scheduler has to know of a request, its tokens excepted.
  public struct Request: Sendable, Hashable {
    /// Its name, not used before; order of arrival.
    public var id: RequestID
    /// Tokens of the prompt.
    public var promptCount: Int
    /// Most tokens to generate; 0 computes the prompt only.
    public var maximumTokens: Int
    /// Lower ones are more urgent.
    public var priority: Int
    /// Positions of the prompt whose logits are wanted, besides the rows that are sampled.
    public var scored: Range<Int>
    /// Whether its next row may be scheduled before its last token is known on the host; false for penalties and masks,
    /// which depend on that token.
    public var runsAhead: Bool

    /// A request as given.
    public init(
      id: RequestID, promptCount: Int, maximumTokens: Int, priority: Int = 0, scored: Range<Int> = 0..<0,
      runsAhead: Bool = true
    ) {
      self.id = id
      self.promptCount = promptCount
      self.maximumTokens = maximumTokens
      self.priority = priority
      self.scored = scored
      self.runsAhead = runsAhead
    }

    /// Most positions it will have in the cache: the last token generated is not fed back.
    public var cacheTokens: Int { promptCount + max(maximumTokens - 1, 0) }

    var urgency: Urgency { Urgency(priority: priority, id: id) }
  }

  /// A request's tokens, and with whom it may share the blocks that hold them.
  public struct Text: Sendable, Hashable {
    /// Those that are known: first the prompt's.
    public internal(set) var tokens: [Int32]
    /// Nil: with nobody.
    public var root: PrefixRoot?

    /// A prompt.
    public init(_ prompt: [Int32], root: PrefixRoot? = .shared(salt: "")) {
      tokens = prompt
      self.root = root
    }
  }
}
