import NeedletailGraph

extension Stream {
  /// Fills memory with random numbers within ±`bound` and waits for it: zeros or equal numbers take less power, and
  /// kernels run faster over them than over any model's.
  func fillRandomly(_ address: UInt64, byteCount: Int, _ dtype: DType, within bound: Float = 1) throws {
    var state: UInt32 = 0x1234_5678
    func numbers<Element>(_ convert: (Float) -> Element) -> [Element] {
      (0..<1 << 20).map { _ in
        state = state &* 1_664_525 &+ 1_013_904_223
        return convert(Float(Int32(bitPattern: state) >> 8) / 0x80_0000 * bound)
      }
    }
    var done = 0
    func begin(_ bytes: UnsafeRawBufferPointer) throws {
      done = min(bytes.count, byteCount)
      try copy(UnsafeRawBufferPointer(rebasing: bytes[..<done]), toDevice: address)
      try synchronize()
    }
    switch dtype {
    case .float32: try numbers { $0 }.withUnsafeBytes(begin)
    case .float16: try numbers { Float16($0) }.withUnsafeBytes(begin)
    default: try numbers { UInt16(truncatingIfNeeded: $0.bitPattern >> 16) }.withUnsafeBytes(begin)
    }
    while done > 0, done < byteCount {
      let count = min(done, byteCount - done)
      try copy(fromDevice: address, toDevice: address + UInt64(done), byteCount: count)
      done += count
    }
    try synchronize()
  }
}
