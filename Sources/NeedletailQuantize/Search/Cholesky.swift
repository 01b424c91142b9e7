/// Factors of symmetric, positive definite matrices.
enum Cholesky {
  /// The upper triangle U with Uᵀ U = M; nil where M is not positive definite.
  static func upper(_ matrix: FloatMatrix) -> FloatMatrix? {
    let n = matrix.rows
    var result = matrix
    var isDefinite = true
    result.elements.withUnsafeMutableBufferPointer { buffer in
      guard let m = buffer.baseAddress, let shared = try? SharedElements(buffer) else { return }
      for i in 0..<n {
        let pivot = m[i * n + i]
        guard pivot > 0, pivot.isFinite else {
          isDefinite = false
          return
        }
        let root = pivot.squareRoot()
        for j in i..<n { m[i * n + j] /= root }
        for j in 0..<i { m[i * n + j] = 0 }
        // Rows below, each without row i's share.
        inParallel(n - i - 1, atLeast: max(1, 65536 / max(n - i, 1))) { range in
          let m = shared.start
          for offset in range {
            let row = i + 1 + offset
            let factor = m[i * n + row]
            let (source, target) = (m + i * n, m + row * n)
            for j in row..<n { target[j] -= factor * source[j] }
          }
        }
      }
    }
    return isDefinite ? result : nil
  }

  /// The inverse of M = Uᵀ U, of U.
  static func inverse(ofUpper upper: FloatMatrix) -> FloatMatrix {
    let n = upper.rows
    // Rows of X = U⁻¹ from the last on; then M⁻¹ = X Xᵀ.
    let inverse = [Float].filled(n * n, repeating: 0) { shared in
      upper.elements.withUnsafeBufferPointer { buffer in
        let upper = UncheckedReading(buffer)
        // Columns of X are independent; here each piece solves a range of them.
        inParallel(n, atLeast: 32) { columns in
          let x = shared.start
          for i in stride(from: n - 1, through: 0, by: -1) {
            let row = x + i * n
            if columns.contains(i) { row[i] = 1 }
            for k in i + 1..<max(n, i + 1) {
              let factor = upper.buffer[i * n + k]
              let other = x + k * n
              for j in max(columns.lowerBound, k)..<max(columns.upperBound, k) { row[j] -= factor * other[j] }
            }
            let diagonal = upper.buffer[i * n + i]
            for j in max(columns.lowerBound, i)..<max(columns.upperBound, i) { row[j] /= diagonal }
          }
        }
      }
    }
    let product = [Float].filled(n * n, repeating: 0) { shared in
      FloatMatrix(n, n, inverse).transposed.elements.withUnsafeBufferPointer { buffer in
        let turned = UncheckedReading(buffer)
        inParallel(n, atLeast: 8) { rows in
          for i in rows {
            let row = shared.start + i * n
            for k in i..<n {
              let factor = turned.buffer[k * n + i]
              for j in 0...k { row[j] += factor * turned.buffer[k * n + j] }
            }
          }
        }
      }
    }
    return FloatMatrix(n, n, product)
  }
}
