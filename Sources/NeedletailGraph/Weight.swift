/// A matrix or vector of the checkpoint, or several of them merged, as a plan wants it.
///
/// Parts follow each other along the first dimension. A part is a whole tensor or, for a rank of several, a range of its
/// rows or columns; `transposed` parts are stored [input, output] and read as [output, input].
public struct Weight: Hashable, Sendable, Codable {
  /// One tensor of the checkpoint, or a part of it.
  public struct Part: Hashable, Sendable, Codable {
    /// Name in the checkpoint: "model.layers.0.self_attn.q_proj.weight".
    public var name: String
    /// Shape in the checkpoint.
    public var shape: [Int]
    /// Whether it is read with its two dimensions exchanged.
    public var transposed: Bool
    /// The rows taken (after the exchange), nil for all.
    public var rows: Range<Int>?
    /// The columns taken (after the exchange), nil for all.
    public var columns: Range<Int>?

    /// A part.
    public init(
      _ name: String, shape: [Int], transposed: Bool = false, rows: Range<Int>? = nil, columns: Range<Int>? = nil
    ) {
      self.name = name
      self.shape = shape
      self.transposed = transposed
      self.rows = rows
      self.columns = columns
    }

    /// The shape it has as part of the weight.
    public var resultShape: [Int] {
      var result = transposed ? Array(shape.reversed()) : shape
      if let rows { result[0] = rows.count }
      if let columns, result.count > 1 { result[result.count - 1] = columns.count }
      return result
    }
  }

  /// The parts, in order along the first dimension.
  public var parts: [Part]
  /// How the weight may be divided over ranks; nil: every rank has all of it.
  public var split: Split?

  /// A weight of one or several parts.
  public init(parts: [Part], split: Split? = nil) {
    precondition(!parts.isEmpty, "a weight has parts")
    self.parts = parts
    self.split = split
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

extension Weight.Part: CustomStringConvertible {
  /// "name[8, 16]", "name[8, 16]^T", "name[8, 16] rows 0..<4".
  public var description: String {
    var text = "\(name)[\(shape.map(String.init).joined(separator: ", "))]"
    if transposed { text += "^T" }
    if let rows { text += " rows \(rows.lowerBound)..<\(rows.upperBound)" }
    if let columns { text += " columns \(columns.lowerBound)..<\(columns.upperBound)" }
    return text
  }
}
