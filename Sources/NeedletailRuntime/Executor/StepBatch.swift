/// The inputs of one step, packed without padding: what the plan's step inputs are filled with.
///
/// The tokens of sequence `s` are `queryStarts[s] ..< queryStarts[s + 1]`; sequences that decode come before those that
/// prefill.
public struct StepBatch: Sendable, Hashable {
  /// A token of this step that the device takes from the step before, because the host does not know it yet.
  public struct CarriedToken: Sendable, Hashable {
    /// Index into `tokenIDs`, where the host has put 0.
    public var token: Int32
    /// Scored row of the step submitted just before, whose sampled token it is.
    public var previousRow: Int32

    /// A token fed on the device.
    public init(token: Int32, previousRow: Int32) {
      self.token = token
      self.previousRow = previousRow
    }
  }

  /// `[tokens]`.
  public var tokenIDs: [Int32] = []
  /// Position of each token in its sequence, `[tokens]`.
  public var positions: [Int32] = []
  /// Where each token's keys and values go: block x block size + offset in the block, `[tokens]`.
  public var slots: [Int64] = []
  /// First token of each sequence, then the number of tokens, `[sequences + 1]`.
  public var queryStarts: [Int32] = [0]
  /// Tokens of each sequence that are in the cache once the step has run, `[sequences]`.
  public var contextLengths: [Int32] = []
  /// Blocks of each sequence in the order of its positions, `[sequences, blockTableStride]`; entries past a sequence's own
  /// blocks are 0 and must not be read.
  public var blockTables: [Int32] = []
  /// Most blocks that a sequence of this step has.
  public var blockTableStride = 0
  /// Indices into the tokens whose logits are computed, ascending, `[rows]`.
  public var scoredRows: [Int32] = []
  /// Rows (indices into `scoredRows`, ascending) whose logits the host will read by `PendingStep.withRows`.
  public var hostRows: [Int32] = []
  /// Rows whose hidden row the host will read.
  public var hiddenRows: [Int32] = []
  /// Sequences at the front of the step that continue an answer with one token each; which they are depends on the
  /// request's own positions only.
  public var decodeCount = 0
  /// Tokens that the step before feeds; always empty where `ExecutorLimits.stepsInFlight` is 1.
  public var carried: [CarriedToken] = []

  /// A step without tokens.
  public init() {}

  /// Tokens of the step.
  public var tokenCount: Int { tokenIDs.count }
  /// Sequences of the step.
  public var sequenceCount: Int { contextLengths.count }
}
