import NeedletailGraph

/// What a launch must at least read, write and compute: the floor its time is compared with.
public struct Cost: Hashable, Sendable, Codable {
  /// Bytes of weights, read once whatever the step's size.
  public var weightBytes = 0
  /// Bytes of weights read for each row only (an embedding's rows).
  public var gatheredBytes = Linear()
  /// The most bytes that are gathered, however many rows there are; nil: any number.
  public var gatheredLimit: Int?
  /// Bytes of activations read and written.
  public var activationBytes = Linear()
  /// Multiplications and additions.
  public var operations = Linear()
  /// What attention adds, which depends on the lengths of the sequences.
  public var attention: AttentionCost?

  /// No cost.
  public init(weightBytes: Int = 0) { self.weightBytes = weightBytes }

  /// A multiple of each of the step's counts.
  public struct Linear: Hashable, Sendable, Codable {
    /// Independent of the step.
    public var constant = 0
    /// For each token.
    public var perToken = 0
    /// For each sequence.
    public var perSequence = 0
    /// For each row whose logits are needed.
    public var perScoredRow = 0
    /// For each sequence that decodes.
    public var perDecode = 0

    /// Zero.
    public init() {}

    /// Adds a multiple of a dimension.
    public mutating func add(_ dim: Dim, times factor: Int = 1) {
      switch dim.unit {
      case .one: constant += dim.count * factor
      case .tokens: perToken += dim.count * factor
      case .sequences: perSequence += dim.count * factor
      case .scoredRows: perScoredRow += dim.count * factor
      case .decodes: perDecode += dim.count * factor
      }
    }

    /// Its value in a step.
    public func value(in counts: StepCounts) -> Int {
      constant + perToken * counts.tokens + perSequence * counts.sequences + perScoredRow * counts.scoredRows
        + perDecode * counts.decodes
    }
  }

  /// Attention over a cache.
  public struct AttentionCost: Hashable, Sendable, Codable {
    /// Operations for each pair of query and visible key, all heads together.
    public var operationsPerPair: Int
    /// Bytes of each cached token, keys and values of all heads.
    public var bytesPerCachedToken: Int
    /// Positions a query sees; nil: all.
    public var window: Int?
    /// A query sees its own chunk of so many positions only; nil: all.
    public var chunk: Int?
    /// Which sequences it is for: all, those that decode, or those that do not.
    public var sequences: GPULaunch.Condition

    /// What attention adds.
    public init(
      operationsPerPair: Int, bytesPerCachedToken: Int, window: Int? = nil, chunk: Int? = nil,
      sequences: GPULaunch.Condition = .always
    ) {
      self.sequences = sequences
      self.operationsPerPair = operationsPerPair
      self.bytesPerCachedToken = bytesPerCachedToken
      self.window = window
      self.chunk = chunk
    }

    /// The first position that the query at a position sees.
    func firstSeen(_ position: Int) -> Int {
      max(window.map { position - $0 + 1 } ?? 0, chunk.map { position - position % $0 } ?? 0, 0)
    }
  }
}

/// A step's size, for which costs are evaluated.
public struct StepProfile: Hashable, Sendable {
  /// The share of one sequence in a step.
  public struct Sequence: Hashable, Sendable {
    /// Its tokens in this step.
    public var queries: Int
    /// Its tokens so far, those of this step included.
    public var context: Int
    /// Rows of it whose logits are needed.
    public var scoredRows: Int

    /// A sequence's share.
    public init(queries: Int, context: Int, scoredRows: Int = 1) {
      self.queries = queries
      self.context = context
      self.scoredRows = scoredRows
    }
  }

  /// The sequences of the step.
  public var sequences: [Sequence]

  /// A step of these sequences.
  public init(_ sequences: [Sequence]) { self.sequences = sequences }

  /// A decode step of `batch` sequences that have `context` tokens each.
  public static func decode(batch: Int, context: Int) -> StepProfile {
    StepProfile(Array(repeating: Sequence(queries: 1, context: context), count: batch))
  }

  /// The step's counts. Sequences at the front with one token each, which follows others, decode.
  public var counts: StepCounts {
    StepCounts(
      tokens: sequences.reduce(0) { $0 + $1.queries }, sequences: sequences.count,
      scoredRows: sequences.reduce(0) { $0 + $1.scoredRows },
      decodes: sequences.prefix { $0.queries == 1 && $0.context > 1 }.count)
  }
}

extension Cost {
  /// Bytes and operations of one launch in one step.
  public struct Evaluated: Hashable, Sendable {
    /// Nothing.
    public init() {}

    /// Bytes of weights.
    public var weightBytes = 0
    /// Bytes of the cache.
    public var cacheBytes = 0
    /// Bytes of activations.
    public var activationBytes = 0
    /// Multiplications and additions.
    public var operations = 0
    /// All bytes.
    public var bytes: Int { weightBytes + cacheBytes + activationBytes }

    /// The sum of two.
    public static func + (a: Evaluated, b: Evaluated) -> Evaluated {
      var sum = a
      sum.weightBytes += b.weightBytes
      sum.cacheBytes += b.cacheBytes
      sum.activationBytes += b.activationBytes
      sum.operations += b.operations
      return sum
    }
  }

  /// What the launch reads, writes and computes in a step.
  public func evaluated(for profile: StepProfile) -> Evaluated {
    let counts = profile.counts
    var result = Evaluated()
    result.weightBytes = weightBytes + min(gatheredBytes.value(in: counts), gatheredLimit ?? .max)
    result.activationBytes = activationBytes.value(in: counts)
    result.operations = operations.value(in: counts)
    guard let attention else { return result }
    let sequences =
      switch attention.sequences {
      case .always: profile.sequences[...]
      case .decodes: profile.sequences.prefix(counts.decodes)
      case .prefills: profile.sequences.dropFirst(counts.decodes)
      }
    for sequence in sequences {
      var pairs = 0
      let first = sequence.context - sequence.queries
      for query in first..<sequence.context { pairs += query + 1 - attention.firstSeen(query) }
      let seen = sequence.queries > 0 ? sequence.context - attention.firstSeen(first) : 0
      result.operations += pairs * attention.operationsPerPair
      result.cacheBytes += seen * attention.bytesPerCachedToken
    }
    return result
  }
}
