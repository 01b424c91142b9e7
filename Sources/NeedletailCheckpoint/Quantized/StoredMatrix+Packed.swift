import NeedletailGraph

/// Layouts that pack eight codes of 4 bits into an int32.
extension StoredMatrix {
  /// compressed-tensors: along the columns, zero points along the rows, all plus 8. Codes of 8 bits: four, plus 128.
  func readPacked(_ wanted: Range<Int>, _ coding: WeightCoding) throws(CheckpointError) -> QuantizedMatrix {
    let bits = coding.dtype.bitCount
    // Little endian words: the bytes are the codes in their order.
    let wordBytes = (columns * bits + 31) / 32 * 4
    let rowBytes = coding.rowBytes(columns)
    let source = codes.bytes
    var result: [UInt8] = []
    result.reserveCapacity(wanted.count * rowBytes)
    for row in wanted { result += source[row * wordBytes..<row * wordBytes + rowBytes] }
    if bits == 8 { for index in result.indices { result[index] ^= 0x80 } }
    var points: [UInt8] = []
    if coding.hasZeroPoints, let zeros {
      let packed = zeros.bytes
      points = [UInt8](repeating: 0, count: wanted.count * groups)
      for row in wanted {
        for group in 0..<groups {
          let word = (row / 8 * groups + group) * 4
          points[(row - wanted.lowerBound) * groups + group] = packed[word + row % 8 / 2] >> (row % 2 * 4) & 15
        }
      }
    }
    return QuantizedMatrix(
      coding, rows: wanted.count, columns: columns, codes: result, scales: try scaleRows(wanted), zeros: points)
  }

  private func scaleRows(_ wanted: Range<Int>) throws(CheckpointError) -> [Float] {
    guard scales.elementCount > 1 || rows * groups == 1 else {
      return [Float](repeating: try scales.scaleValues()[0], count: wanted.count * groups)
    }
    return try scales.scaleValues(wanted.lowerBound * groups..<wanted.upperBound * groups)
  }

  /// AutoAWQ and GPTQ, where scales and zero points are [groups, outputs] and the matrix is stored [inputs, outputs].
  func readByColumns(_ wanted: Range<Int>, _ coding: WeightCoding) throws(CheckpointError) -> QuantizedMatrix {
    try checkGroupIndices()
    let all = try scales.scaleValues()
    var found = [Float](repeating: 0, count: wanted.count * groups)
    for row in wanted {
      for group in 0..<groups { found[(row - wanted.lowerBound) * groups + group] = all[group * rows + row] }
    }
    let result = layout == .awq ? awqCodes(wanted) : gptqCodes(wanted)
    let points = try zeroPoints(wanted)
    guard coding.hasZeroPoints || points.allSatisfy({ $0 == 8 }) else {
      throw (zeros ?? codes).invalid("has zero points other than 8, though the config says that there are none")
    }
    return QuantizedMatrix(
      coding, rows: wanted.count, columns: columns, codes: result, scales: found,
      zeros: coding.hasZeroPoints ? points : [])
  }

  /// Where AutoAWQ puts outputs 0...7 of a word.
  static let awqPlaces = [0, 4, 1, 5, 2, 6, 3, 7]

  private func awqCodes(_ wanted: Range<Int>) -> [UInt8] {
    let (words, width) = (rows / 8, columns / 2)
    let source = codes.bytes
    var result = [UInt8](repeating: 0, count: wanted.count * width)
    for word in wanted.lowerBound / 8..<(wanted.upperBound + 7) / 8 {
      for column in 0..<columns {
        let packed = source.loadUnaligned(fromByteOffset: 4 * (column * words + word), as: UInt32.self)
        for offset in 0..<8 where wanted.contains(word * 8 + offset) {
          let code = UInt8(truncatingIfNeeded: packed >> UInt32(4 * Self.awqPlaces[offset])) & 15
          result[(word * 8 + offset - wanted.lowerBound) * width + column / 2] |= code << (column & 1 == 0 ? 0 : 4)
        }
      }
    }
    return result
  }

  private func gptqCodes(_ wanted: Range<Int>) -> [UInt8] {
    let width = columns / 2
    let source = codes.bytes
    var result = [UInt8](repeating: 0, count: wanted.count * width)
    for word in 0..<columns / 8 {
      for row in wanted {
        let packed = source.loadUnaligned(fromByteOffset: 4 * (word * rows + row), as: UInt32.self)
        let place = (row - wanted.lowerBound) * width + word * 4
        for pair in 0..<4 { result[place + pair] = UInt8(truncatingIfNeeded: packed >> UInt32(8 * pair)) }
      }
    }
    return result
  }

  /// [rows wanted, groups]
  private func zeroPoints(_ wanted: Range<Int>) throws(CheckpointError) -> [UInt8] {
    guard let zeros else { return [] }
    var offset: UInt8 = 0
    if case .gptq(let zeroOffset) = layout { offset = zeroOffset }
    let source = zeros.bytes
    var result = [UInt8](repeating: 0, count: wanted.count * groups)
    for group in 0..<groups {
      for row in wanted {
        let packed = source.loadUnaligned(fromByteOffset: 4 * (group * (rows / 8) + row / 8), as: UInt32.self)
        let place = layout == .awq ? Self.awqPlaces[row % 8] : row % 8
        let point = UInt8(truncatingIfNeeded: packed >> UInt32(4 * place)) & 15
        // 16 less one wraps to 15 in the format's first version; a point of 16 is beyond four bits.
        result[(row - wanted.lowerBound) * groups + group] = point + offset
      }
    }
    return result
  }

  private func checkGroupIndices() throws(CheckpointError) {
    guard let groupIndices else { return }
    let size = recipe.weight.groupSize ?? columns
    for (column, group) in try groupIndices.integers().enumerated() where group != column / size {
      throw groupIndices.invalid(
        "gives column \(column) to group \(group): columns in the order of their importance (desc_act) are not read, as "
          + "x would have to be reordered; quantize without desc_act, or with static groups")
    }
  }
}
