import NeedletailGraph

/// A quantized weight where it lies in a checkpoint: its tensors, found and of fitting shapes. Codes and scales are read
/// by `copy`, from several threads if wanted; scales that are not finite are errors.
public struct StoredMatrix: CodedMatrix {
  /// The parameter's name.
  public let name: String
  /// [outputs, inputs]; matrices of one tensor follow each other.
  public let shape: [Int]
  /// How it is coded.
  public let recipe: LinearRecipe
  let layout: StoredScheme.Layout
  let codes: TensorView
  let scales: TensorView
  var zeros: TensorView?
  var groupIndices: TensorView?
  var inputFactors: TensorView?
  var activation: TensorView?

  /// Rows.
  public var rows: Int { shape[0] }
  /// Columns.
  public var columns: Int { shape[1] }
  /// Scales of a row.
  var groups: Int { recipe.weight.groups(columns) }

  /// The tensors it is read from.
  var tensors: [TensorView] { [codes, scales] + [zeros, groupIndices, inputFactors, activation].compactMap { $0 } }

  /// What the columns of x are divided by: ModelOpt stores what they are multiplied with.
  public func inputScale() throws -> [Float]? {
    guard let inputFactors else { return nil }
    let values = try inputFactors.floats()
    guard values.allSatisfy({ $0.isFinite && $0 != 0 }) else {
      throw inputFactors.invalid("has values that are 0 or not finite")
    }
    return values.map { 1 / $0 }
  }

  /// The scale of all activations, where it is static.
  public func activationScale() throws -> Float? {
    guard let activation else { return nil }
    let values = try activation.floats()
    guard let scale = values.max(), values.allSatisfy({ $0.isFinite && $0 > 0 }) else {
      throw activation.invalid("is \(values.first ?? 0); a scale of activations is more than 0")
    }
    return scale
  }

  /// Copies rows, their scales, zeros and factors.
  public func copy(rows wanted: Range<Int>, to target: CodedRows) throws {
    let part = try read(rows: wanted)
    part.codes.withUnsafeBytes { bytes in
      if let start = bytes.baseAddress { target.codes.copyMemory(from: start, byteCount: bytes.count) }
    }
    switch recipe.weight.scaleType {
    case .float16:
      for (index, scale) in part.scales.enumerated() {
        target.scales.storeBytes(of: FloatBits.float16(scale), toByteOffset: 2 * index, as: UInt16.self)
      }
    case .bfloat16:
      for (index, scale) in part.scales.enumerated() {
        target.scales.storeBytes(of: FloatBits.bfloat16(scale), toByteOffset: 2 * index, as: UInt16.self)
      }
    case .float8e8m0:
      for (index, scale) in part.scales.enumerated() {
        target.scales.storeBytes(of: UInt8(scale.bitPattern >> 23), toByteOffset: index, as: UInt8.self)
      }
    default:
      for (index, scale) in part.scales.enumerated() {
        target.scales.storeBytes(of: scale, toByteOffset: 4 * index, as: Float.self)
      }
    }
    if let zeros = target.zeros { zeros.update(from: part.zeros, count: part.zeros.count) }
    if let rowScales = target.rowScales { rowScales.update(from: part.rowScales, count: part.rowScales.count) }
  }

  /// The matrix, or some of its rows, of which the first is a multiple of `rowsPerScale`.
  public func read(rows wanted: Range<Int>? = nil) throws(CheckpointError) -> QuantizedMatrix {
    let wanted = wanted ?? 0..<rows
    precondition(
      wanted.lowerBound >= 0 && wanted.upperBound <= rows && wanted.lowerBound % recipe.weight.rowsPerScale == 0,
      "rows \(wanted) of \(name), which has \(rows)")
    var coding = recipe.weight
    coding.hasRowScales = false
    var matrix: QuantizedMatrix
    switch layout {
    case .plain: matrix = try readPlain(wanted, coding)
    case .packed: matrix = try readPacked(wanted, coding)
    case .awq, .gptq: matrix = try readByColumns(wanted, coding)
    case .modelOptInt4: matrix = try readModelOpt(wanted, coding)
    case .mxfp4: matrix = try readMXFP4(wanted, coding)
    }
    guard matrix.scales.allSatisfy(\.isFinite) else { throw scales.invalid("has scales that are not finite") }
    if recipe.weight.hasRowScales { matrix.addRowScales() }
    return matrix
  }

  private func readPlain(_ wanted: Range<Int>, _ coding: WeightCoding) throws(CheckpointError) -> QuantizedMatrix {
    let bytes = Array(codes.bytes(of: wanted.lowerBound * columns..<wanted.upperBound * columns))
    let count = coding.scaleRows(wanted.count)
    let found: [Float]
    if scales.elementCount == 1 {
      found = [Float](repeating: try scales.scaleValues()[0], count: count * groups)
    } else {
      let first = wanted.lowerBound / coding.rowsPerScale
      found = try scales.scaleValues(first * groups..<(first + count) * groups)
    }
    return QuantizedMatrix(coding, rows: wanted.count, columns: columns, codes: bytes, scales: found)
  }

  private func readMXFP4(_ wanted: Range<Int>, _ coding: WeightCoding) throws(CheckpointError) -> QuantizedMatrix {
    let width = columns / 2
    let exponents = scales.bytes(of: wanted.lowerBound * groups..<wanted.upperBound * groups)
    return QuantizedMatrix(
      coding, rows: wanted.count, columns: columns,
      codes: Array(codes.bytes(of: wanted.lowerBound * width..<wanted.upperBound * width)),
      scales: exponents.map { NarrowFloats.e8m0($0) })
  }

  private func readModelOpt(_ wanted: Range<Int>, _ coding: WeightCoding) throws(CheckpointError) -> QuantizedMatrix {
    let bytes = codes.bytes
    let width = columns / 2
    let result = [UInt8](unsafeUninitializedCapacity: wanted.count * width) { result, count in
      for row in wanted {
        let start = row / 2 * columns
        let shift = row % 2 * 4
        for pair in 0..<width {
          // Two's complement to 0...15.
          let low = bytes[start + 2 * pair] >> shift & 15 ^ 8
          let high = bytes[start + 2 * pair + 1] >> shift & 15 ^ 8
          result[(row - wanted.lowerBound) * width + pair] = low | high << 4
        }
      }
      count = wanted.count * width
    }
    return QuantizedMatrix(
      coding, rows: wanted.count, columns: columns, codes: result,
      scales: try scales.scaleValues(wanted.lowerBound * groups..<wanted.upperBound * groups))
  }
}

extension TensorView {
  /// Scales as floats: of F32, F16, BF16, F64, or exponents (F8_E8M0).
  func scaleValues(_ range: Range<Int>? = nil) throws(CheckpointError) -> [Float] {
    guard dtype == .f8e8m0 else { return try floats(range) }
    return bytes(of: range ?? 0..<elementCount).map { NarrowFloats.e8m0($0) }
  }
}
