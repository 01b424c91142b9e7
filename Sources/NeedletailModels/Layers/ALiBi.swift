#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Attention with linear biases (Press et al. 2022): instead of positions, a penalty of each score that grows with the
/// distance, more steeply for some heads than for others.
public enum ALiBi {
  /// The slope of each head: 2^(-maximum i / n), i = 1...n, for n heads, a power of two. For other numbers of heads the
  /// next power of two is taken, and of its slopes every other one, from the second on, then the rest.
  public static func slopes(headCount: Int, maximum: Double = 8) -> [Float] {
    precondition(headCount > 0, "\(headCount) heads")
    var count = 1
    while count < headCount { count *= 2 }
    let slopes = (1...count).map { Float(exp2(-maximum * Double($0) / Double(count))) }
    guard count != headCount else { return slopes }
    let order = Array(stride(from: 1, to: count, by: 2)) + Array(stride(from: 0, to: count, by: 2))
    return order.prefix(headCount).map { slopes[$0] }
  }
}
