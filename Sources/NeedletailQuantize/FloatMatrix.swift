/// A matrix of 32-bit floats, row-major.
public struct FloatMatrix: Sendable, Hashable {
  /// Outputs, of a weight.
  public let rows: Int
  /// Inputs, of a weight.
  public let columns: Int
  /// [rows, columns]
  public var elements: [Float]

  /// A matrix; the count of elements must fit.
  public init(_ rows: Int, _ columns: Int, _ elements: [Float]) {
    precondition(elements.count == rows * columns, "\(elements.count) elements for [\(rows), \(columns)]")
    (self.rows, self.columns, self.elements) = (rows, columns, elements)
  }

  /// Rows of a matrix one after the other, changed in place by all cores.
  mutating func forEachRow(_ body: @Sendable (Int, UnsafeMutableBufferPointer<Float>) -> Void) {
    let (rows, columns) = (rows, columns)
    guard rows > 0, columns > 0 else { return }
    elements.withUnsafeMutableBufferPointer { buffer in
      guard let shared = try? SharedElements(buffer) else { return }
      inParallel(rows, atLeast: max(1, 4096 / columns)) { range in
        for row in range {
          body(row, UnsafeMutableBufferPointer(start: shared.start + row * columns, count: columns))
        }
      }
    }
  }

  /// The same with columns times a factor each.
  func scaledColumns(_ factors: [Float]) -> FloatMatrix {
    var result = self
    result.forEachRow { _, row in for column in row.indices { row[column] *= factors[column] } }
    return result
  }

  /// [columns, rows]
  var transposed: FloatMatrix {
    let (rows, columns) = (rows, columns)
    let turned = elements.withUnsafeBufferPointer { source in
      let source = UncheckedReading(source)
      return [Float].filled(rows * columns, repeating: 0) { result in
        inParallel(columns, atLeast: 16) { range in
          for block in stride(from: 0, to: rows, by: 32) {
            for column in range {
              for row in block..<min(block + 32, rows) {
                result.start[column * rows + row] = source.buffer[row * columns + column]
              }
            }
          }
        }
      }
    }
    return FloatMatrix(columns, rows, turned)
  }

  /// The largest magnitude of each column.
  var columnMaxima: [Float] {
    var maxima = [Float](repeating: 0, count: columns)
    for row in 0..<rows {
      for column in 0..<columns { maxima[column] = max(maxima[column], abs(elements[row * columns + column])) }
    }
    return maxima
  }
}

/// Memory that several threads read.
struct UncheckedReading<Element>: @unchecked Sendable {
  let buffer: UnsafeBufferPointer<Element>
  init(_ buffer: UnsafeBufferPointer<Element>) { self.buffer = buffer }
}
