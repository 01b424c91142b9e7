/// One dimension of a tensor: a number, or a multiple of one of the counts that change from step to step.
///
///     let shape: [Dim] = [.tokens, .fixed(4096)]
///     let heads: Dim = .tokens * 32            // rows of a norm over heads
public struct Dim: Hashable, Sendable, Codable {
  /// What a dimension is counted in.
  public enum Unit: Int, Hashable, Sendable, Codable, CaseIterable {
    /// Nothing: the dimension is the number itself.
    case one
    /// Tokens of the step: prefill chunks and decodes of all its sequences.
    case tokens
    /// Sequences of the step.
    case sequences
    /// Rows whose logits the step needs.
    case scoredRows
    /// Sequences at the step's front that continue an answer with one token each.
    case decodes
  }

  /// What it is counted in.
  public let unit: Unit
  /// How many of the unit.
  public let count: Int

  /// A multiple of a unit.
  public init(_ unit: Unit, times count: Int = 1) {
    precondition(count >= 0, "a dimension of \(count)")
    self.unit = unit
    self.count = count
  }

  /// A dimension known when the graph is made.
  public static func fixed(_ count: Int) -> Dim { Dim(.one, times: count) }
  /// The tokens of the step.
  public static let tokens = Dim(.tokens)
  /// The sequences of the step.
  public static let sequences = Dim(.sequences)
  /// The rows whose logits are needed.
  public static let scoredRows = Dim(.scoredRows)
  /// The sequences that continue an answer with one token each.
  public static let decodes = Dim(.decodes)

  /// A multiple of a dimension.
  public static func * (dim: Dim, factor: Int) -> Dim { Dim(dim.unit, times: dim.count * factor) }

  /// The number, if it is one.
  public var fixed: Int? { unit == .one ? count : nil }

  /// The number it stands for in a step.
  public func value(in counts: StepCounts) -> Int { count * counts[unit] }
}

extension Dim: ExpressibleByIntegerLiteral, CustomStringConvertible {
  /// `64` is `.fixed(64)`.
  public init(integerLiteral value: Int) { self = .fixed(value) }

  /// "64", "tokens", "tokens*32".
  public var description: String {
    switch (unit, count) {
    case (.one, _): String(count)
    case (_, 1): "\(unit)"
    default: "\(unit)*\(count)"
    }
  }

  /// The dimension that prints so.
  public init?(_ text: some StringProtocol) {
    if let count = Int(text), count >= 0 {
      self = .fixed(count)
      return
    }
    let parts = text.split(separator: "*", omittingEmptySubsequences: false)
    guard let unit = Unit.allCases.first(where: { "\($0)" == parts[0] && $0 != .one }), parts.count <= 2 else {
      return nil
    }
    guard parts.count == 2 else {
      self = Dim(unit)
      return
    }
    guard let count = Int(parts[1]), count >= 0 else { return nil }
    self = Dim(unit, times: count)
  }
}

/// The counts of a step, which turn symbolic dimensions into numbers.
public struct StepCounts: Hashable, Sendable, Codable {
  /// Tokens of the step.
  public var tokens: Int
  /// Sequences of the step.
  public var sequences: Int
  /// Rows whose logits are needed.
  public var scoredRows: Int
  /// Sequences at the step's front that continue an answer with one token each; devices that treat all sequences alike
  /// need not be told.
  public var decodes: Int

  /// The counts of a step.
  public init(tokens: Int, sequences: Int, scoredRows: Int, decodes: Int = 0) {
    self.tokens = tokens
    self.sequences = sequences
    self.scoredRows = scoredRows
    self.decodes = decodes
  }

  /// The count of a unit; 1 for `.one`.
  public subscript(unit: Dim.Unit) -> Int {
    switch unit {
    case .one: 1
    case .tokens: tokens
    case .sequences: sequences
    case .scoredRows: scoredRows
    case .decodes: decodes
    }
  }
}
