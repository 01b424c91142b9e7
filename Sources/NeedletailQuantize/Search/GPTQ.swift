import NeedletailCheckpoint
import NeedletailGraph

/// GPTQ (Frantar et al. 2023): columns are rounded one after the other, and what rounding one changed in the outputs is
/// made up for in those that follow, by the Cholesky factor of the inverse of H = xᵀx.
public struct GPTQ: Sendable {
  /// Added to the diagonal, as a share of its mean.
  public var damping: Float = 0.01
  /// Whether columns with the largest inputs come first; groups keep their columns ("static groups"), so that nothing is
  /// reordered when the weight is used.
  public var ordersColumns = false

  /// The usual settings.
  public init() {}

  /// The factor U, Uᵀ U = H⁻¹, in the order in which columns are rounded.
  struct Preparation: Sendable {
    let order: [Int]
    let factor: FloatMatrix
  }

  func prepare(_ moments: FloatMatrix) throws -> Preparation {
    let n = moments.rows
    let diagonal = (0..<n).map { moments.elements[$0 * n + $0] }
    let order =
      ordersColumns
      ? (0..<n).sorted { diagonal[$0] != diagonal[$1] ? diagonal[$0] > diagonal[$1] : $0 < $1 } : Array(0..<n)
    let mean = diagonal.reduce(0, +) / Float(max(n, 1))
    guard mean > 0, mean.isFinite else {
      throw QuantizeError("the calibration text gives a layer no input, or none that is finite")
    }
    var shift = damping * mean
    for _ in 0..<8 {
      var hessian = FloatMatrix(n, n, [Float](repeating: 0, count: n * n))
      for i in 0..<n {
        for j in 0..<n { hessian.elements[i * n + j] = moments.elements[order[i] * n + order[j]] }
        hessian.elements[i * n + i] += shift
      }
      if let upper = Cholesky.upper(hessian), let factor = Cholesky.upper(Cholesky.inverse(ofUpper: upper)) {
        return Preparation(order: order, factor: factor)
      }
      shift *= 10
    }
    throw QuantizeError("the second moments of a layer's inputs have no Cholesky factor")
  }

  /// A weight in 4-bit groups.
  func encode(_ weight: FloatMatrix, _ prepared: Preparation, _ coding: WeightCoding) -> QuantizedMatrix {
    let rounding = GroupRounding(coding, columns: weight.columns)
    let (columns, groups, size) = (weight.columns, coding.groups(weight.columns), rounding.groupSize)
    var scales = [Float](repeating: 0, count: weight.rows * groups)
    var zeros = [UInt8](repeating: 8, count: weight.rows * groups)
    var codes = [UInt8](repeating: 0, count: weight.rows * columns)
    let (order, isOrdered) = (prepared.order, ordersColumns)
    weight.elements.withUnsafeBufferPointer { weights in
      prepared.factor.elements.withUnsafeBufferPointer { factor in
        scales.withUnsafeMutableBufferPointer { scales in
          zeros.withUnsafeMutableBufferPointer { zeros in
            codes.withUnsafeMutableBufferPointer { codes in
              guard let scales = try? SharedElements(scales), let zeros = try? SharedElements(zeros),
                let codes = try? SharedElements(codes)
              else { return }
              let (weights, factor) = (UncheckedReading(weights), UncheckedReading(factor))
              inParallel(weight.rows) { rows in
                var row = [Float](repeating: 0, count: columns)
                for index in rows {
                  func choose(_ group: Int, _ values: UnsafePointer<Float>, _ range: Range<Int>) {
                    let (low, high) = bounds(values, range)
                    let (scale, zero) = rounding.scale(from: low, to: high)
                    scales.start[index * groups + group] = scale
                    zeros.start[index * groups + group] = UInt8(zero)
                  }
                  let start = index * columns
                  for column in 0..<columns { row[column] = weights.buffer[start + order[column]] }
                  if isOrdered, let values = weights.buffer.baseAddress.map({ $0 + start }) {
                    for group in 0..<groups { choose(group, values, group * size..<min((group + 1) * size, columns)) }
                  }
                  row.withUnsafeMutableBufferPointer { row in
                    guard let values = row.baseAddress else { return }
                    for column in 0..<columns {
                      let group = order[column] / size
                      if !isOrdered, column % size == 0 { choose(group, values, column..<min(column + size, columns)) }
                      let scale = scales.start[index * groups + group]
                      let zero = Float(zeros.start[index * groups + group])
                      let code = rounding.code(values[column], scale, zero)
                      codes.start[start + order[column]] = UInt8(code)
                      let line = column * columns
                      let error = (values[column] - rounding.value(code, scale, zero)) / factor.buffer[line + column]
                      for later in column..<columns { values[later] -= error * factor.buffer[line + later] }
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
    return QuantizedMatrix(
      coding, rows: weight.rows, columns: columns,
      codes: QuantizedMatrix.packed(codes, rows: weight.rows, columns: columns), scales: scales,
      zeros: coding.hasZeroPoints ? zeros : [])
  }
}
