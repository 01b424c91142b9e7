import NeedletailCheckpoint
import NeedletailGraph

/// Round-to-nearest: each number becomes the nearest code of its scale.
public enum RoundToNearest {
  /// A weight in a coding without factors of rows.
  /// - Parameter clips: for int4, the share of each group's range that is kept [rows, groups]; nil: all.
  public static func encode(_ weight: FloatMatrix, _ coding: WeightCoding, clips: [Float]? = nil) -> QuantizedMatrix {
    precondition(!coding.hasRowScales, "factors of rows are added later")
    switch coding.code {
    case .int4: return int4(weight, coding, clips: clips)
    case .int8, .float8e4m3: return bytes(weight, coding)
    case .float4e2m1: return microscaled(weight, coding)
    }
  }

  /// What a weight becomes by int4, without its codes.
  static func int4Values(_ weight: FloatMatrix, _ coding: WeightCoding) -> FloatMatrix {
    let rounding = GroupRounding(coding, columns: weight.columns)
    var result = weight
    result.forEachRow { _, row in
      guard let start = row.baseAddress else { return }
      for first in stride(from: 0, to: row.count, by: rounding.groupSize) {
        let range = first..<min(first + rounding.groupSize, row.count)
        let (low, high) = bounds(start, range)
        let (scale, zero) = rounding.scale(from: low, to: high)
        for index in range { row[index] = rounding.value(rounding.code(row[index], scale, zero), scale, zero) }
      }
    }
    return result
  }

  private static func int4(_ weight: FloatMatrix, _ coding: WeightCoding, clips: [Float]?) -> QuantizedMatrix {
    let rounding = GroupRounding(coding, columns: weight.columns)
    let (columns, groups) = (weight.columns, coding.groups(weight.columns))
    var nibbles = [UInt8](repeating: 0, count: weight.rows * columns)
    var scales = [Float](repeating: 0, count: weight.rows * groups)
    var zeros = [UInt8](repeating: 8, count: weight.rows * groups)
    weight.elements.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return }
      for row in 0..<weight.rows {
        for group in 0..<groups {
          let first = group * rounding.groupSize
          let range = first..<min(first + rounding.groupSize, columns)
          let (low, high) = bounds(start + row * columns, range)
          let clip = clips?[row * groups + group] ?? 1
          let (scale, zero) = rounding.scale(from: low * clip, to: high * clip)
          scales[row * groups + group] = scale
          zeros[row * groups + group] = UInt8(zero)
          for index in range {
            nibbles[row * columns + index] = UInt8(rounding.code(start[row * columns + index], scale, zero))
          }
        }
      }
    }
    return QuantizedMatrix(
      coding, rows: weight.rows, columns: columns,
      codes: QuantizedMatrix.packed(nibbles, rows: weight.rows, columns: columns), scales: scales,
      zeros: coding.hasZeroPoints ? zeros : [])
  }

  /// int8 and fp8: a scale for each block of rows and columns, the largest magnitude over the largest code.
  private static func bytes(_ weight: FloatMatrix, _ coding: WeightCoding) -> QuantizedMatrix {
    let (rows, columns) = (weight.rows, weight.columns)
    let group = coding.groupSize ?? max(columns, 1)
    let groups = coding.groups(columns)
    var scales = [Float](repeating: 0, count: coding.scaleRows(rows) * groups)
    for row in 0..<rows {
      for column in 0..<columns {
        let place = row / coding.rowsPerScale * groups + column / group
        scales[place] = max(scales[place], abs(weight.elements[row * columns + column]))
      }
    }
    for place in scales.indices { scales[place] = scales[place] > 0 ? scales[place] / coding.largest : 1 }
    return bytes(weight, coding, scales: scales)
  }

  /// With one scale for all of a weight.
  public static func perTensor(_ weight: FloatMatrix, _ coding: WeightCoding) -> QuantizedMatrix {
    let largest = weight.elements.reduce(0) { max($0, abs($1)) }
    let scale = largest > 0 ? largest / coding.largest : 1
    return bytes(
      weight, coding,
      scales: [Float](repeating: scale, count: coding.scaleRows(weight.rows) * coding.groups(weight.columns)))
  }

  private static func bytes(_ weight: FloatMatrix, _ coding: WeightCoding, scales: [Float]) -> QuantizedMatrix {
    let (rows, columns) = (weight.rows, weight.columns)
    let group = coding.groupSize ?? max(columns, 1)
    let groups = coding.groups(columns)
    var codes = [UInt8](repeating: 0, count: rows * columns)
    for row in 0..<rows {
      for column in 0..<columns {
        let value =
          weight.elements[row * columns + column] / scales[row / coding.rowsPerScale * groups + column / group]
        codes[row * columns + column] =
          coding.code == .int8
          ? UInt8(bitPattern: Int8(min(max(nearest(value), -127), 127))) : NarrowFloats.e4m3(value)
      }
    }
    return QuantizedMatrix(coding, rows: rows, columns: columns, codes: codes, scales: scales)
  }

  /// MXFP4 (OCP Microscaling Formats 1.0): groups of 32 share the power of two that lets the largest magnitude fit.
  private static func microscaled(_ weight: FloatMatrix, _ coding: WeightCoding) -> QuantizedMatrix {
    let columns = weight.columns
    let group = coding.groupSize ?? 32
    let groups = coding.groups(columns)
    var nibbles = [UInt8](repeating: 0, count: weight.rows * columns)
    var scales = [Float](repeating: 1, count: weight.rows * groups)
    for row in 0..<weight.rows {
      for index in 0..<groups {
        let range = row * columns + index * group..<row * columns + min((index + 1) * group, columns)
        let largest = weight.elements[range].reduce(0) { max($0, abs($1)) }
        var scale: Float = 0x1p-127
        while scale * 6 < largest, scale < 0x1p127 { scale *= 2 }
        scales[row * groups + index] = scale
        for place in range { nibbles[place] = e2m1(weight.elements[place] / scale) }
      }
    }
    return QuantizedMatrix(
      coding, rows: weight.rows, columns: columns,
      codes: QuantizedMatrix.packed(nibbles, rows: weight.rows, columns: columns), scales: scales)
  }

  /// The nearest of 0, 0.5, 1, 1.5, 2, 3, 4, 6, ties to the even code.
  static func e2m1(_ value: Float) -> UInt8 {
    let magnitude = abs(value)
    let middles: [Float] = [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5]
    var code: UInt8 = 0
    for (index, middle) in middles.enumerated() where magnitude > middle || (magnitude == middle && index % 2 == 1) {
      code = UInt8(index + 1)
    }
    return value < 0 ? code | 8 : code
  }
}
