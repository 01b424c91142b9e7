/// Copies. Addresses are of the GPU's memory; host memory must stay until the copy ran, and a copy from or to memory
/// that is not pinned blocks the caller.
extension Stream {
  /// Copies host memory to the GPU.
  public func copy(_ source: UnsafeRawBufferPointer, toDevice address: UInt64) throws(CUDAError) {
    guard let base = source.baseAddress, source.count > 0 else { return }
    try run("cuMemcpyHtoDAsync_v2", "\(source.count) bytes to \(hexadecimal(address))") {
      $0.memcpyHtoDAsync(address, base, source.count, handle)
    }
  }

  /// Copies the GPU's memory to the host.
  public func copy(fromDevice address: UInt64, to target: UnsafeMutableRawBufferPointer) throws(CUDAError) {
    guard let base = target.baseAddress, target.count > 0 else { return }
    try run("cuMemcpyDtoHAsync_v2", "\(target.count) bytes from \(hexadecimal(address))") {
      $0.memcpyDtoHAsync(base, address, target.count, handle)
    }
  }

  /// Copies within the GPU's memory.
  public func copy(fromDevice source: UInt64, toDevice target: UInt64, byteCount: Int) throws(CUDAError) {
    guard byteCount > 0 else { return }
    try run("cuMemcpyDtoDAsync_v2", "\(byteCount) bytes from \(hexadecimal(source)) to \(hexadecimal(target))") {
      $0.memcpyDtoDAsync(target, source, byteCount, handle)
    }
  }

  /// Sets every byte of a part of the GPU's memory.
  public func fill(_ address: UInt64, byteCount: Int, with value: UInt8) throws(CUDAError) {
    guard byteCount > 0 else { return }
    try run("cuMemsetD8Async", "\(byteCount) bytes at \(hexadecimal(address))") {
      $0.memsetD8Async(address, value, byteCount, handle)
    }
  }

  /// Sets 32-bit words of the GPU's memory, from an address that is a multiple of 4.
  public func fill(_ address: UInt64, wordCount: Int, with value: UInt32) throws(CUDAError) {
    guard wordCount > 0 else { return }
    try run("cuMemsetD32Async", "\(wordCount) words at \(hexadecimal(address))") {
      $0.memsetD32Async(address, value, wordCount, handle)
    }
  }
}

/// An address as "0x7f00".
func hexadecimal(_ address: UInt64) -> String { "0x" + String(address, radix: 16) }
