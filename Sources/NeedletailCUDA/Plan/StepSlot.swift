import NeedletailGraph
import NeedletailKernels

/// What a step in flight has of the host's memory: its inputs until they are copied, what it draws, and the logits that
/// the host reads. There are two, used in turn.
final class StepSlot {
  /// Which of the two it is.
  let side: Int
  private let context: Context
  private let inputMemory: PinnedBuffer
  private let resultMemory: PinnedBuffer
  /// Recorded when the inputs are on the GPU.
  let arrived: Event
  /// Recorded when the step's kernels start; nil unless steps are timed.
  let started: Mark?
  /// Recorded when the step's kernels have run.
  let computed: Event
  /// Recorded when what was drawn is on the host.
  let event: Event
  private var rowMemory: [StepOutput: PinnedMemory] = [:]
  private var tailMemory: PinnedMemory?

  init(_ context: Context, side: Int, inputBytes: Int, resultBytes: Int, takesTime: Bool) throws(CUDAError) {
    self.context = context
    self.side = side
    inputMemory = try PinnedBuffer(context, byteCount: inputBytes)
    resultMemory = try PinnedBuffer(context, byteCount: resultBytes)
    arrived = try Event(context)
    computed = try Event(context, takesTime: takesTime)
    started = takesTime ? try Mark(context) : nil
    event = try Event(context)
  }

  /// The block of inputs.
  var inputs: UnsafeMutableRawPointer { inputMemory.start }

  /// The first bytes of what the step draws.
  func results(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: resultMemory.bytes[..<byteCount])
  }

  /// Memory for rows of an output; it grows to what has been asked for at most.
  func rows(of output: StepOutput, _ byteCount: Int) throws -> UnsafeMutableRawPointer {
    try grown(&rowMemory[output], byteCount)
  }

  /// Memory for penalties, biases and masks.
  func tail(_ byteCount: Int) throws -> UnsafeMutableRawPointer {
    try grown(&tailMemory, byteCount)
  }

  private func grown(_ memory: inout PinnedMemory?, _ byteCount: Int) throws -> UnsafeMutableRawPointer {
    if let memory, memory.byteCount >= byteCount { return memory.start }
    memory = nil
    let made = try PinnedMemory(context, byteCount: max(byteCount, 1 << 20))
    memory = made
    return made.start
  }

  /// What was drawn, once it has been copied.
  func result(_ layout: SampleLayout, rows: Int, all: Bool = true) -> SampleResult {
    var result = SampleResult(rowCount: rows, maximumTop: layout.maximumTop)
    let start = resultMemory.start
    func copy<Element>(_ values: inout [Element], _ offset: Int) {
      values.withUnsafeMutableBytes { target in
        target.copyMemory(from: UnsafeRawBufferPointer(start: start + offset, count: target.count))
      }
    }
    copy(&result.tokens, layout.tokens)
    guard all else { return result }
    copy(&result.logProbabilities, layout.logProbabilities)
    copy(&result.topTokens, layout.topTokens)
    copy(&result.topLogProbabilities, layout.topLogProbabilities)
    return result
  }
}

/// An event that takes the time, which may be missing.
final class Mark {
  let event: Event
  init(_ context: Context) throws(CUDAError) { event = try Event(context, takesTime: true) }
}

/// Pinned memory that may be replaced by more.
final class PinnedMemory {
  private let buffer: PinnedBuffer
  init(_ context: Context, byteCount: Int) throws(CUDAError) {
    buffer = try PinnedBuffer(context, byteCount: byteCount)
  }
  var start: UnsafeMutableRawPointer { buffer.start }
  var byteCount: Int { buffer.bytes.count }
}

extension PinnedBuffer {
  /// Its first byte.
  var start: UnsafeMutableRawPointer {
    guard let base = bytes.baseAddress else { preconditionFailure("pinned memory without an address") }
    return base
  }
}
