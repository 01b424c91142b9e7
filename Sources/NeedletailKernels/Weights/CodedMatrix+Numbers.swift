import NeedletailGraph

extension CodedMatrix {
  /// Calls `body` with rows of the tensor that a part is of, decoded to float32: for weights that a plan wants in ordinary
  /// numbers. Rows are those of the tensor as its parameter has them, as `WeightSource.withRows` counts them.
  public func withNumbers(
    of part: Weight.Part, first: Int, count: Int, _ body: (UnsafeRawPointer, DType) throws -> Void
  ) throws {
    let (n, k, coding) = (shape[0], shape[1], recipe.weight)
    guard !part.transposed, part.shape.reduce(1, *) == n * k, part.storedWidth == k, !recipe.hasInputScale else {
      throw GraphError("\(part.name) is stored in codes (\(recipe)), but wanted in ordinary numbers")
    }
    // Whole blocks of rows.
    let start = first / coding.rowsPerScale * coding.rowsPerScale
    let rows = start..<min(n, (first + count + coding.rowsPerScale - 1) / coding.rowsPerScale * coding.rowsPerScale)
    let groups = coding.groups(k)
    let scaleCount = coding.scaleRows(rows.count) * groups
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: rows.count * (coding.rowBytes(k) + 4) + scaleCount * 5 + 64, alignment: 64)
    defer { memory.deallocate() }
    let factors = memory.bindMemory(to: Float.self, capacity: rows.count)
    let scales = memory + rows.count * 4
    let zeros = (scales + scaleCount * 4).bindMemory(to: UInt8.self, capacity: scaleCount)
    let bytes = (scales + scaleCount * 5).bindMemory(to: UInt8.self, capacity: rows.count * coding.rowBytes(k))
    try copy(
      rows: rows,
      to: CodedRows(
        codes: bytes, scales: scales, zeros: coding.hasZeroPoints ? zeros : nil,
        rowScales: coding.hasRowScales ? factors : nil))
    let numbers = UnsafeMutablePointer<Float>.allocate(capacity: max(count * k, 1))
    defer { numbers.deallocate() }
    let table = coding.table
    for row in first..<first + count {
      let scaleRow = (row - start) / coding.rowsPerScale * groups
      let from = bytes + (row - start) * coding.rowBytes(k)
      let to = numbers + (row - first) * k
      for group in 0..<groups {
        let columns = group * (coding.groupSize ?? k)..<min(k, (group + 1) * (coding.groupSize ?? k))
        let scale = coding.scale(scales, scaleRow + group)
        let zero: Float = coding.code == .int4 ? (coding.hasZeroPoints ? Float(zeros[scaleRow + group]) : 8) : 0
        for column in columns {
          let code = coding.dtype.bitCount == 4 ? from[column / 2] >> (column % 2 == 0 ? 0 : 4) & 15 : from[column]
          to[column] = scale * (table[Int(code)] - zero) * (coding.hasRowScales ? factors[row - start] : 1)
        }
      }
    }
    try body(UnsafeRawPointer(numbers), .float32)
  }
}

extension WeightCoding {
  /// Number `index` of scales.
  func scale(_ scales: UnsafeRawPointer, _ index: Int) -> Float {
    switch scaleType {
    case .float8e8m0:
      let bits = scales.load(fromByteOffset: index, as: UInt8.self)
      return Float(sign: .plus, exponent: Int(bits) - 127, significand: 1)
    case .bfloat16:
      return FloatBits.float(bfloat16: scales.load(fromByteOffset: index * 2, as: UInt16.self))
    case .float16:
      return FloatBits.float(float16: scales.load(fromByteOffset: index * 2, as: UInt16.self))
    default: return scales.load(fromByteOffset: index * 4, as: Float.self)
    }
  }
}

extension Weight.Part {
  /// The name of the module whose weight it is of: "model.layers.0.mlp.down_proj".
  public var module: String { name.hasSuffix(".weight") ? String(name.dropLast(7)) : name }
}
