import NeedletailGraph

/// A weight [rows, columns] of codes with scales, in the memory every device starts from.
///
///     let matrix = try module.read()
///     let weights = matrix.values()      // what a product multiplies with, as float32
///
/// Codes of 8 bits lie row-major, a byte each; codes of 4 bits two a byte, the even column in the low half. Scales are
/// [⌈rows / rowsPerScale⌉, groups], zero points [rows, groups]. An int4 code c is 0...15 and stands for scale * (c - zero),
/// where zero is 8 unless the coding has zero points. Where rows have factors besides, that is rounded to E4M3 and times the
/// row's factor.
public struct QuantizedMatrix: Sendable, Hashable {
  /// How it is coded.
  public var coding: WeightCoding
  /// Outputs.
  public var rows: Int
  /// Inputs.
  public var columns: Int
  /// [rows, columns] or [rows, columns / 2]
  public var codes: [UInt8]
  /// Numbers that the coding's scale type holds exactly.
  public var scales: [Float]
  /// Empty where the coding has none.
  public var zeros: [UInt8]
  /// [rows]; empty where the coding has none.
  public var rowScales: [Float]

  /// A matrix of its parts, whose counts must fit.
  public init(
    _ coding: WeightCoding, rows: Int, columns: Int, codes: [UInt8], scales: [Float], zeros: [UInt8] = [],
    rowScales: [Float] = []
  ) {
    self.coding = coding
    (self.rows, self.columns) = (rows, columns)
    (self.codes, self.scales, self.zeros, self.rowScales) = (codes, scales, zeros, rowScales)
    precondition(codes.count == rows * rowBytes, "\(codes.count) bytes of codes for [\(rows), \(columns)]")
    precondition(scales.count == scaleRows * groups, "\(scales.count) scales, not [\(scaleRows), \(groups)]")
    precondition(zeros.count == (coding.hasZeroPoints ? rows * groups : 0), "\(zeros.count) zero points")
    precondition(rowScales.count == (coding.hasRowScales ? rows : 0), "\(rowScales.count) factors of rows")
  }

  /// Bytes of a row's codes.
  public var rowBytes: Int { coding.rowBytes(columns) }
  /// Scales of a row.
  public var groups: Int { coding.groups(columns) }
  /// Rows of scales.
  public var scaleRows: Int { coding.scaleRows(rows) }

  /// The code of a place, 0...255.
  public func code(_ row: Int, _ column: Int) -> UInt8 {
    guard coding.dtype.bitCount == 4 else { return codes[row * rowBytes + column] }
    return codes[row * rowBytes + column / 2] >> (column & 1 == 0 ? 0 : 4) & 15
  }

  /// The weights [rows, columns] that codes and scales stand for. Those of int4 are rounded to the scale's type, in which
  /// they are multiplied; the others are exact products.
  public func values() -> [Float] {
    var result = [Float](repeating: 0, count: rows * columns)
    let group = coding.groupSize ?? max(columns, 1)
    let table = coding.table
    let round = coding.code == .int4 ? coding.scaleType.rounding : { $0 }
    for row in 0..<rows {
      for index in 0..<groups {
        let scale = scales[row / coding.rowsPerScale * groups + index]
        let zero: Float = coding.hasZeroPoints ? Float(zeros[row * groups + index]) : coding.code == .int4 ? 8 : 0
        for column in index * group..<min((index + 1) * group, columns) {
          let value = round(scale * (table[Int(code(row, column))] - zero))
          result[row * columns + column] =
            coding.hasRowScales ? rowScales[row] * NarrowFloats.e4m3[Int(NarrowFloats.e4m3(value))] : value
        }
      }
    }
    return result
  }

  /// Packs codes of 4 bits [rows, columns], a byte each, two a byte.
  public static func packed(_ nibbles: [UInt8], rows: Int, columns: Int) -> [UInt8] {
    let width = (columns + 1) / 2
    var result = [UInt8](repeating: 0, count: rows * width)
    for row in 0..<rows {
      for column in 0..<columns {
        result[row * width + column / 2] |= (nibbles[row * columns + column] & 15) << (column & 1 == 0 ? 0 : 4)
      }
    }
    return result
  }

  /// The codes of 4 bits, a byte each.
  public func nibbles() -> [UInt8] {
    var result = [UInt8](repeating: 0, count: rows * columns)
    for row in 0..<rows { for column in 0..<columns { result[row * columns + column] = code(row, column) } }
    return result
  }
}

extension DType {
  /// Rounds to a storage type of real numbers.
  public var rounding: (Float) -> Float {
    switch self {
    case .bfloat16: { FloatBits.float(bfloat16: FloatBits.bfloat16($0)) }
    case .float16: { FloatBits.float(float16: FloatBits.float16($0)) }
    default: { $0 }
    }
  }
}
