import NeedletailCUDA

/// Three vectors of floats on the GPU, a, b and out, and the same on the host; a and b are random and uploaded.
final class Vectors {
  let count: Int
  private let gpu: GPU
  private let pinned: PinnedBuffer
  private let buffer: DeviceBuffer
  private let floats: UnsafeMutableBufferPointer<Float>

  /// Vectors of a multiple of a block's threads.
  init(_ gpu: GPU, count: Int = 1 << 20) throws {
    precondition(count > 0 && count % TestKernels.blockThreads == 0, "count: \(count)")
    self.gpu = gpu
    self.count = count
    pinned = try PinnedBuffer(gpu.context, byteCount: 3 * count * 4)
    buffer = try DeviceBuffer(gpu.context, byteCount: 3 * count * 4)
    floats = pinned.bytes.bindMemory(to: Float.self)
    for i in 0..<2 * count { floats[i] = Float.random(in: -1...1) }
    try gpu.stream.copy(UnsafeRawBufferPointer(rebasing: pinned.bytes[..<(2 * count * 4)]), toDevice: buffer.address)
    try poison()
  }

  private var outAddress: UInt64 { buffer.address + UInt64(2 * count * 4) }

  /// The arguments of out = a + b.
  var sum: AddArguments {
    AddArguments(
      a: buffer.address, b: buffer.address + UInt64(count * 4), out: outAddress, count: Int64(count))
  }

  /// The arguments of out = out + b for the first `count` elements, or all: wrong where a launch overtakes another.
  func accumulation(count: Int? = nil) -> AddArguments {
    var arguments = sum
    arguments.a = outAddress
    arguments.count = Int64(count ?? self.count)
    return arguments
  }

  /// A launch with a thread for each element.
  var shape: LaunchShape {
    LaunchShape(grid: Extents(count / TestKernels.blockThreads), block: Extents(TestKernels.blockThreads))
  }

  /// Fills the output with NaN, so that what a kernel leaves out is seen.
  func poison() throws {
    try gpu.stream.fill(outAddress, wordCount: count, with: 0x7fc0_0000)
  }

  /// Waits for the stream and compares every element of the output, bit for bit.
  func expectOutput(_ expected: (_ index: Int, _ a: Float, _ b: Float) -> Float) throws {
    for i in 2 * count..<3 * count { floats[i] = .nan }
    try gpu.stream.copy(
      fromDevice: outAddress, to: UnsafeMutableRawBufferPointer(rebasing: pinned.bytes[(2 * count * 4)...]))
    try gpu.stream.synchronize()
    var wrong = 0
    var first = ""
    for i in 0..<count {
      let value = expected(i, floats[i], floats[count + i])
      let found = floats[2 * count + i]
      if found == value { continue }
      if wrong == 0 { first = "element \(i) is \(found), expected \(value)" }
      wrong += 1
    }
    try expect(wrong == 0, "\(wrong) of \(count) elements are wrong; \(first)")
  }

  /// Compares with a + b.
  func expectSum() throws { try expectOutput { _, a, b in a + b } }
}

/// start + b + b + ..., rounded after each addition as the kernels do.
func repeatedSum(_ start: Float, _ b: Float, times: Int) -> Float {
  var value = start
  for _ in 0..<times { value += b }
  return value
}
