/// What is known of the input of products: of all tokens of the calibration text.
public struct InputStatistics: Sendable {
  /// Tokens.
  public var count = 0
  /// Σ|x| of each column.
  public var absoluteSums: [Float]
  /// The largest |x| of each column.
  public var maxima: [Float]
  /// Σ xᵀx [k, k]; nil where no recipe asks for it.
  public var moments: FloatMatrix?

  /// Of no tokens yet.
  public init(columns: Int, withMoments: Bool) {
    absoluteSums = [Float](repeating: 0, count: columns)
    maxima = absoluteSums
    moments = withMoments ? FloatMatrix(columns, columns, [Float](repeating: 0, count: columns * columns)) : nil
  }

  /// The mean |x| of each column.
  public var absoluteMeans: [Float] { absoluteSums.map { $0 / Float(max(count, 1)) } }
  /// The mean xᵀx.
  public var meanMoments: FloatMatrix? {
    guard var moments else { return nil }
    let factor = 1 / Float(max(count, 1))
    moments.forEachRow { _, row in for column in row.indices { row[column] *= factor } }
    return moments
  }

  /// Adds rows x [tokens, columns].
  mutating func add(_ x: FloatMatrix, _ products: Products) throws {
    count += x.rows
    for row in 0..<x.rows {
      for column in 0..<x.columns {
        let magnitude = abs(x.elements[row * x.columns + column])
        absoluteSums[column] += magnitude
        maxima[column] = max(maxima[column], magnitude)
      }
    }
    guard moments != nil else { return }
    let turned = x.transposed
    let part = try products.product(turned, turned)
    for index in part.elements.indices { moments?.elements[index] += part.elements[index] }
  }
}
