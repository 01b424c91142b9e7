import NeedletailGraph

extension TensorView {
  /// The element types that `floats` converts.
  public static let convertibleDTypes: Set<SafetensorsDType> = [.f32, .f16, .bf16, .f64]

  /// A range of elements (all of them by default) as 32-bit floats.
  ///
  /// F16 and BF16 convert exactly, F64 rounds to the nearest. Other types are an error that names the tensor.
  public func floats(_ elements: Range<Int>? = nil) throws(CheckpointError) -> [Float] {
    let elements = elements ?? 0..<elementCount
    var failure: CheckpointError?
    let values = [Float](unsafeUninitializedCapacity: elements.count) { buffer, filled in
      do throws(CheckpointError) {
        try copyFloats(elements, into: buffer)
        filled = elements.count
      } catch { failure = error }
    }
    if let failure { throw failure }
    return values
  }

  /// Converts a range of elements into a buffer of as many 32-bit floats.
  public func copyFloats(_ elements: Range<Int>, into buffer: UnsafeMutableBufferPointer<Float>) throws(CheckpointError)
  {
    guard Self.convertibleDTypes.contains(dtype) else {
      throw invalid("is \(dtype.rawValue), which is not converted to floating point here")
    }
    let source = bytes(of: elements)
    precondition(buffer.count >= elements.count, "\(buffer.count) floats for \(elements.count) elements of \(name)")
    guard let from = source.baseAddress, let to = buffer.baseAddress else { return }
    switch dtype {
    case .f32: UnsafeMutableRawPointer(to).copyMemory(from: from, byteCount: source.count)
    case .bf16:
      for index in 0..<elements.count {
        to[index] = FloatBits.float(bfloat16: from.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
      }
    case .f16:
      for index in 0..<elements.count {
        to[index] = FloatBits.float(float16: from.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
      }
    default:
      for index in 0..<elements.count {
        to[index] = Float(from.loadUnaligned(fromByteOffset: 8 * index, as: Double.self))
      }
    }
  }

  /// All elements of a tensor of integers or booleans. U64 beyond `Int.max` is an error.
  public func integers() throws(CheckpointError) -> [Int] {
    let source = bytes
    func load<Element: FixedWidthInteger>(_: Element.Type) throws(CheckpointError) -> [Int] {
      var values: [Int] = []
      values.reserveCapacity(elementCount)
      for index in 0..<elementCount {
        let element = source.loadUnaligned(fromByteOffset: index * MemoryLayout<Element>.size, as: Element.self)
        guard let value = Int(exactly: element) else { throw invalid("holds \(element), which is too large") }
        values.append(value)
      }
      return values
    }
    switch dtype {
    case .i64: return try load(Int64.self)
    case .i32: return try load(Int32.self)
    case .i16: return try load(Int16.self)
    case .i8: return try load(Int8.self)
    case .u64: return try load(UInt64.self)
    case .u32: return try load(UInt32.self)
    case .u16: return try load(UInt16.self)
    case .u8, .bool: return try load(UInt8.self)
    default: throw invalid("is \(dtype.rawValue) where integers are expected")
    }
  }
}
