/// Weights that were prepared for a plan before: bytes as its kernels read them, in place of a checkpoint.
public protocol PreparedWeights: Sendable {
  /// Bytes that are read at a time: what `read` takes starts at a multiple of it.
  var partBytes: Int { get }
  /// Reads some bytes of the plan's weight of that index: whole parts, or up to the weight's end. May be called from
  /// several threads.
  func read(weight index: Int, _ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws
}

extension PreparedWeights {
  /// The parts of a weight of so many bytes.
  public func parts(_ byteCount: Int) -> [Range<Int>] {
    stride(from: 0, to: byteCount, by: partBytes).map { $0..<min($0 + partBytes, byteCount) }
  }
}
