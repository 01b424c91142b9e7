/// Weights that were prepared for a plan before: bytes as its kernels read them, in place of a checkpoint.
public protocol PreparedWeights: Sendable {
  /// Calls `body` with some bytes of the plan's weight of that index. May be called from several threads.
  func withBytes(ofWeight index: Int, _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Void) throws
}
