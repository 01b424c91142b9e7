/// A matrix or vector of the checkpoint, or several of them merged, as a plan wants it.
///
/// Parts follow each other along the first dimension. A part is a whole tensor, one matrix of a tensor that holds several,
/// or some of its rows or columns: a rank's share, or the queries' rows of a checkpoint that stores queries, keys and
/// values as one. `transposed` parts are stored [input, output] and read as [output, input].
public struct Weight: Hashable, Sendable, Codable {
  /// One tensor of the checkpoint, or a part of it.
  public struct Part: Hashable, Sendable, Codable {
    /// Name in the checkpoint: "model.layers.0.self_attn.q_proj.weight".
    public var name: String
    /// Shape in the checkpoint.
    public var shape: [Int]
    /// Whether it is read with its (last) two dimensions exchanged.
    public var transposed: Bool
    /// The rows taken (after the exchange), nil for all.
    public var rows: Range<Int>?
    /// Those rows are taken of every so many, nil for once: `rows` 0..<2 with period 6 are rows 0, 1, 6, 7, 12, 13...
    public var period: Int?
    /// The columns taken (after the exchange), nil for all.
    public var columns: Range<Int>?
    /// Which matrix of a tensor [matrices, rows, columns], or vector of a tensor [vectors, width]; nil: the tensor is one.
    public var index: Int?
    /// Whether each row is divided by its length √(sum of squares), when it is loaded.
    public var hasUnitRows: Bool

    /// A part.
    public init(
      _ name: String, shape: [Int], transposed: Bool = false, rows: Range<Int>? = nil, period: Int? = nil,
      columns: Range<Int>? = nil, index: Int? = nil, hasUnitRows: Bool = false
    ) {
      self.name = name
      self.shape = shape
      self.transposed = transposed
      self.rows = rows
      self.period = period
      self.columns = columns
      self.index = index
      self.hasUnitRows = hasUnitRows
    }
  }

  /// The parts, in order along the first dimension.
  public var parts: [Part]
  /// How the weight may be divided over ranks; nil: every rank has all of it.
  public var split: Split?
  /// How it is coded, and with it the arithmetic of products by it; nil: it is a matrix or vector of ordinary numbers.
  public var recipe: LinearRecipe?

  /// A weight of one or several parts.
  public init(parts: [Part], split: Split? = nil, recipe: LinearRecipe? = nil) {
    precondition(!parts.isEmpty, "a weight has parts")
    self.parts = parts
    self.split = split
    self.recipe = recipe
  }

  /// Shape of the whole.
  public var shape: [Int] {
    var shape = parts[0].resultShape
    shape[0] = parts.reduce(0) { $0 + $1.resultShape[0] }
    return shape
  }

  /// "a.weight", "a.weight + b.weight", with ranges where only a part is taken.
  public var description: String { parts.map(\.description).joined(separator: " + ") }
}

/// How a layer's weight is divided over tensor-parallel ranks.
public enum Split: String, Hashable, Sendable, Codable, CaseIterable {
  /// By outputs: each rank computes some of the columns of the result.
  case columns
  /// By inputs: each rank computes a share of every sum.
  case rows
  /// By experts.
  case experts
}
