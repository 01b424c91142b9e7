import NeedletailGraph

/// What an engine is asked to do: continue a prompt, score it, or both.
///
///     let stream = try engine.submit(GenerationRequest(prompt: [1, 15043], options: .greedy, endTokens: [2]))
///     for try await event in stream { … }
public struct GenerationRequest: Sendable {
  /// Receives the logits or hidden rows of some of the prompt's positions, a few at a time, so that memory stays bounded.
  public struct Scoring: Sendable {
    /// What is wanted; hidden rows can be had where `ExecutorLimits.hiddenSize` is not nil.
    public var output: StepOutput
    /// Positions of the prompt whose rows are wanted; row p of the logits holds the scores of the token at p + 1.
    public var positions: Range<Int>
    /// Called on the engine's thread, in the order of the positions; the rows are lent for the time of the call.
    /// Throwing ends this request with the error.
    public var receive: @Sendable (_ positions: Range<Int>, _ rows: FloatRows) throws -> Void

    /// Rows of `positions`, given to `receive`.
    public init(
      _ output: StepOutput = .logits, positions: Range<Int>,
      receive: @escaping @Sendable (_ positions: Range<Int>, _ rows: FloatRows) throws -> Void
    ) {
      self.output = output
      self.positions = positions
      self.receive = receive
    }
  }

  /// Token ids, at least one.
  public var prompt: [Int32]
  /// How tokens are chosen, and when to stop.
  public var options: SamplingOptions
  /// The model's end-of-sequence ids.
  public var endTokens: [Int32]
  /// Requests of lower priority are more urgent: they start first and are the last to be interrupted; among equals the
  /// earlier one is. Default 0.
  public var priority: Int
  /// Requests share what their prompts begin with among those of equal salt only, so that nobody learns by the time an
  /// answer takes what others have asked. Default empty.
  public var cacheSalt: String
  /// Sees each token on the engine's thread, gives it text and may stop the request. The request uses its own copy.
  public var observer: (any TokenObserver)?
  /// Logits or hidden rows of the prompt's positions; nil: not wanted.
  public var scoring: Scoring?

  /// A request as given.
  public init(
    prompt: [Int32], options: SamplingOptions = SamplingOptions(), endTokens: [Int32] = [], priority: Int = 0,
    cacheSalt: String = "", observer: (any TokenObserver)? = nil, scoring: Scoring? = nil
  ) {
    self.prompt = prompt
    self.options = options
    self.endTokens = endTokens
    self.priority = priority
    self.cacheSalt = cacheSalt
    self.observer = observer
    self.scoring = scoring
  }
}
