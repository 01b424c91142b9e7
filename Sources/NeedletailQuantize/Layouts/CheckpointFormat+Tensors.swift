import NeedletailCheckpoint
import NeedletailGraph

extension CheckpointFormat {
  /// The tensors that hold a module's weight.
  func tensors(_ encoded: EncodedModule) -> [StoredTensor] {
    var tensors: [StoredTensor]
    switch (self, encoded.matrix.coding.code) {
    case (.mxfp4, _): tensors = microscaled(encoded)
    case (.awq, .int4): tensors = byColumns(encoded, isAWQ: true)
    case (.gptq, .int4): tensors = byColumns(encoded, isAWQ: false)
    case (.modelOpt, .int4): tensors = modelOptInt4(encoded)
    case (_, .int4): tensors = packed(encoded)
    default: tensors = plain(encoded)
    }
    if let scale = encoded.activationScale {
      tensors.append(
        StoredTensor("\(encoded.module).input_scale", .float32, self == .compressedTensors ? [1] : [], floats: [scale]))
    }
    if let inputScale = encoded.inputScale {
      tensors.append(
        StoredTensor(
          "\(encoded.module).pre_quant_scale", .float32, [inputScale.count], floats: inputScale.map { 1 / $0 }))
    }
    return tensors
  }

  private func plain(_ encoded: EncodedModule) -> [StoredTensor] {
    let matrix = encoded.matrix
    let name = self == .fp8 && matrix.coding.rowsPerScale > 1 ? "weight_scale_inv" : "weight_scale"
    let scaleName = encoded.parameter == encoded.module ? encoded.parameter + "_scale" : "\(encoded.module).\(name)"
    let leading = Array(encoded.shape.dropLast(2))
    let rows = encoded.shape[encoded.shape.count - 2]
    var scaleShape = leading + [matrix.coding.scaleRows(rows), matrix.groups]
    var scales = matrix.scales
    if encoded.isPerTensor {
      scaleShape = self == .compressedTensors ? [1] : []
      scales = [scales[0]]
    } else if self == .modelOpt, matrix.coding.groupSize == nil {
      scaleShape.removeLast()
    }
    return [
      StoredTensor(encoded.parameter, matrix.coding.code == .int8 ? .i8 : .f8e4m3, encoded.shape, matrix.codes),
      StoredTensor(scaleName, .float32, scaleShape, floats: scales),
    ]
  }

  /// compressed-tensors: words of eight codes along the columns.
  private func packed(_ encoded: EncodedModule) -> [StoredTensor] {
    let (matrix, module) = (encoded.matrix, encoded.module)
    let width = (matrix.columns + 7) / 8 * 4
    var bytes: [UInt8] = []
    bytes.reserveCapacity(matrix.rows * width)
    for row in 0..<matrix.rows {
      bytes += matrix.codes[row * matrix.rowBytes..<(row + 1) * matrix.rowBytes]
      bytes += [UInt8](repeating: 0, count: width - matrix.rowBytes)
    }
    var tensors = [
      StoredTensor("\(module).weight_packed", .i32, [matrix.rows, width / 4], bytes),
      StoredTensor(
        "\(module).weight_scale", matrix.coding.scaleType, [matrix.rows, matrix.groups], floats: matrix.scales),
      StoredTensor(
        "\(module).weight_shape", .i64, [2],
        [Int64(matrix.rows), Int64(matrix.columns)].withUnsafeBytes { Array($0) }),
    ]
    if matrix.coding.hasZeroPoints {
      var words = [UInt32](repeating: 0, count: (matrix.rows + 7) / 8 * matrix.groups)
      for row in 0..<matrix.rows {
        for group in 0..<matrix.groups {
          words[row / 8 * matrix.groups + group] |=
            UInt32(matrix.zeros[row * matrix.groups + group]) << UInt32(row % 8 * 4)
        }
      }
      tensors.append(StoredTensor("\(module).weight_zero_point", [(matrix.rows + 7) / 8, matrix.groups], words: words))
    }
    return tensors
  }

  /// AutoAWQ and GPTQ: the matrix as [inputs, outputs], scales and zero points as [groups, outputs].
  private func byColumns(_ encoded: EncodedModule, isAWQ: Bool) -> [StoredTensor] {
    let (matrix, module) = (encoded.matrix, encoded.module)
    let (rows, columns, groups) = (matrix.rows, matrix.columns, matrix.groups)
    let places: [Int] = isAWQ ? [0, 4, 1, 5, 2, 6, 3, 7] : Array(0..<8)
    var words = [UInt32](repeating: 0, count: rows * columns / 8)
    for row in 0..<rows {
      for column in 0..<columns {
        let code = UInt32(matrix.code(row, column))
        if isAWQ {
          words[column * (rows / 8) + row / 8] |= code << UInt32(4 * places[row % 8])
        } else {
          words[column / 8 * rows + row] |= code << UInt32(column % 8 * 4)
        }
      }
    }
    var points = [UInt32](repeating: 0, count: groups * rows / 8)
    var scales = [Float](repeating: 0, count: groups * rows)
    for row in 0..<rows {
      for group in 0..<groups {
        let point: UInt32 = matrix.coding.hasZeroPoints ? UInt32(matrix.zeros[row * groups + group]) : 8
        points[group * (rows / 8) + row / 8] |= point << UInt32(4 * places[row % 8])
        scales[group * rows + row] = matrix.scales[row * groups + group]
      }
    }
    var tensors = [
      StoredTensor("\(module).qweight", isAWQ ? [columns, rows / 8] : [columns / 8, rows], words: words),
      StoredTensor("\(module).qzeros", [groups, rows / 8], words: points),
      StoredTensor("\(module).scales", .float16, [groups, rows], floats: scales),
    ]
    if !isAWQ {
      let size = matrix.coding.groupSize ?? columns
      tensors.append(StoredTensor("\(module).g_idx", [columns], words: (0..<columns).map { UInt32($0 / size) }))
    }
    return tensors
  }

  private func modelOptInt4(_ encoded: EncodedModule) -> [StoredTensor] {
    let (matrix, module) = (encoded.matrix, encoded.module)
    var bytes = [UInt8](repeating: 0, count: matrix.rows / 2 * matrix.columns)
    for row in 0..<matrix.rows {
      for column in 0..<matrix.columns {
        bytes[row / 2 * matrix.columns + column] |= (matrix.code(row, column) ^ 8) << (row % 2 == 0 ? 0 : 4)
      }
    }
    return [
      StoredTensor("\(module).weight", .u8, [matrix.rows / 2, matrix.columns], bytes),
      StoredTensor(
        "\(module).weight_scale", matrix.coding.scaleType, [matrix.rows, matrix.groups], floats: matrix.scales),
    ]
  }

  private func microscaled(_ encoded: EncodedModule) -> [StoredTensor] {
    let (matrix, parameter) = (encoded.matrix, encoded.parameter)
    let leading = Array(encoded.shape.dropLast())
    return [
      StoredTensor("\(parameter)_blocks", .u8, leading + [matrix.groups, 16], matrix.codes),
      StoredTensor(
        "\(parameter)_scales", .u8, leading + [matrix.groups], matrix.scales.map { UInt8($0.bitPattern >> 23) }),
    ]
  }
}
