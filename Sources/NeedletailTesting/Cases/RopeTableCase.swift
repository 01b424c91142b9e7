import CNeedletailKernels
import NeedletailGraph

/// Cosines and sines of positions.
public struct RopeTableCase: KernelCase {
  /// Positions.
  public var positions: [Int]
  /// Frequencies.
  public var half: Int
  /// Base of the frequencies.
  public var theta: Double
  /// Factor of the result.
  public var scale: Float

  /// Cosines and sines of positions.
  public init(positions: [Int], half: Int, theta: Double = 10_000, scale: Float = 1) {
    self.positions = positions
    self.half = half
    self.theta = theta
    self.scale = scale
  }

  /// The kernel.
  public static let kernel = "rope_table"

  /// Shapes at which it breaks first.
  public static var edges: [RopeTableCase] {
    let positions = [0, 1, 2, 3, 100, 4095, 131_071, 1_000_000]
    return [1, 3, 7, 8, 16, 17, 31, 33, 64, 65].map { RopeTableCase(positions: positions, half: $0) } + [
      RopeTableCase(positions: [], half: 8), RopeTableCase(positions: [5], half: 64, theta: 500_000, scale: 1.25),
    ]
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> RopeTableCase {
    RopeTableCase(
      positions: (0..<numbers.next(in: 1...40)).map { _ in numbers.next(in: 0...200_000) },
      half: numbers.next(in: 1...128), theta: numbers.pick([10_000, 500_000, 1e6]), scale: numbers.pick([1, 1.5]))
  }

  private var frequencies: [Float] { RopeSpec(dimensions: 2 * half, theta: theta).inverseFrequencies }

  /// What it reads and writes.
  public func operands() -> Operands {
    var operands = Operands()
    operands.add("positions", .int32, positions.map(Float.init))
    operands.add("frequencies", .float32, frequencies)
    operands.addOutput("out", .float32, count: positions.count * 2 * half)
    return operands
  }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_rope_table_arguments {
    nt_rope_table_arguments(
      positions: address("positions")?.assumingMemoryBound(to: Int32.self),
      inverse_frequencies: address("frequencies")?.assumingMemoryBound(to: Float.self),
      out: address("out")?.assumingMemoryBound(to: Float.self), tokens: Int64(positions.count), half: Int32(half),
      scale: scale)
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    ["out": Reference.ropeTable(positions, frequencies, scale: scale).map(Float.init)]
  }

  /// For messages.
  public var description: String {
    "rope table of \(positions.count) positions, \(half) frequencies to base \(theta), * \(scale)"
  }
}
