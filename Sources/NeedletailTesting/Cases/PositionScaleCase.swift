import CNeedletailKernels
import NeedletailGraph

/// Rows times a factor of their position.
public struct PositionScaleCase: KernelCase {
  /// The position of each row.
  public var positions: [Int]
  /// Elements of a row.
  public var width: Int
  /// The factor.
  public var scale: PositionScale
  /// Storage types.
  public var x, out: DType
  /// Elements between rows.
  public var gap: Int
  /// Of the operands.
  public var seed: UInt64

  /// A factor by position.
  public init(
    _ positions: [Int], width: Int, _ scale: PositionScale, x: DType = .float32, out: DType = .float32, gap: Int = 0,
    seed: UInt64 = 1
  ) {
    self.positions = positions
    self.width = width
    self.scale = scale
    self.x = x
    self.out = out
    self.gap = gap
    self.seed = seed
  }

  /// The kernel.
  public static let kernel = "position_scale"

  /// Shapes at which it breaks first: around the ends of periods, and around vectors.
  public static var edges: [PositionScaleCase] {
    let types: [DType] = [.float32, .bfloat16, .float16]
    var edges = [1, 7, 8, 9, 16, 40, 5120].enumerated().map { index, width in
      PositionScaleCase(
        [0, 6, 7, 8, 15, 16, 70_000, 1_048_575], width: width, PositionScale(factor: 0.5, period: 8), gap: index)
    }
    for x in types {
      for out in types {
        edges.append(
          PositionScaleCase(
            [8190, 8191, 8192, 131_071], width: 50, PositionScale(factor: 0.1, period: 8192), x: x, out: out, gap: 3))
      }
    }
    return edges + [PositionScaleCase([], width: 16, PositionScale(factor: 1, period: 1))]
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> PositionScaleCase {
    let types: [DType] = [.float32, .bfloat16, .float16]
    let count = numbers.next(in: 1...40)
    return PositionScaleCase(
      (0..<count).map { _ in numbers.next(in: 0...20_000) }, width: numbers.next(in: 1...900),
      PositionScale(factor: numbers.pick([0.1, 0.5, 2]), period: numbers.pick([1, 16, 100, 8192])),
      x: numbers.pick(types), out: numbers.pick(types), gap: numbers.next(in: 0...8), seed: numbers.next())
  }

  private var rows: Rows { Rows(positions.count, width, gap: gap) }

  /// What it reads and writes.
  public func operands() -> Operands {
    var numbers = SeededNumbers(seed: seed)
    var operands = Operands()
    operands.add("x", x, numbers.floats(rows.elements, deviation: 3))
    operands.add("positions", .int32, positions.map(Float.init))
    operands.addOutput("out", out, count: rows.elements)
    return operands
  }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_position_scale_arguments {
    nt_position_scale_arguments(
      x: address("x"), positions: address("positions").map { .init($0.assumingMemoryBound(to: Int32.self)) },
      out: address("out"), rows: Int64(positions.count), x_stride: Int64(rows.stride), out_stride: Int64(rows.stride),
      width: Int32(width), period: Int32(scale.period), factor: scale.factor, x_dtype: x.rawValue,
      out_dtype: out.rawValue, reserved: 0)
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    guard let x = operands["x"] else { return [:] }
    let values = rows.dense(x)
    return [
      "out": rows.spread(
        values.indices.map { values[$0] * Reference.factor(of: scale, at: positions[$0 / width]) })
    ]
  }

  /// For messages.
  public var description: String {
    "factor \(scale.factor) by periods of \(scale.period) [\(positions.count), \(width)] \(x.name) -> \(out.name), "
      + "gap \(gap), seed \(seed)"
  }
}
