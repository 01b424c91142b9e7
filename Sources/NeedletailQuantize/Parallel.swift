import Dispatch

/// Calls `body` with ranges that together are 0..<count, on all cores. Results must not depend on how they are cut.
func inParallel(_ count: Int, atLeast minimum: Int = 1, _ body: @Sendable (Range<Int>) -> Void) {
  let pieces = max(1, min(64, count / max(minimum, 1)))
  guard pieces > 1 else { return body(0..<count) }
  DispatchQueue.concurrentPerform(iterations: pieces) { piece in
    body(count * piece / pieces..<count * (piece + 1) / pieces)
  }
}

/// Memory that several threads write disjoint parts of.
struct SharedElements<Element>: @unchecked Sendable {
  let start: UnsafeMutablePointer<Element>

  init(_ buffer: UnsafeMutableBufferPointer<Element>) throws(QuantizeError) {
    guard let start = buffer.baseAddress else { throw QuantizeError("nothing is to be computed") }
    self.start = start
  }
}

extension Array {
  /// Makes an array whose parts are written by several threads.
  static func filled(
    _ count: Int, repeating value: Element, _ body: (SharedElements<Element>) throws -> Void
  ) rethrows -> [Element] {
    var result = [Element](repeating: value, count: count)
    guard count > 0 else { return result }
    try result.withUnsafeMutableBufferPointer { buffer in
      guard let shared = try? SharedElements(buffer) else { return }
      try body(shared)
    }
    return result
  }
}

/// Why a model cannot be quantized as asked: one sentence.
public struct QuantizeError: Error, Equatable, CustomStringConvertible {
  /// The sentence.
  public let description: String
  /// An error.
  public init(_ description: String) { self.description = description }
}
