import NeedletailGraph
import NeedletailKernels

/// A problem for one kernel: shapes, strides, storage types and a seed, from which operands and expected results follow.
///
/// Values only: the same cases run on the CPU, on a GPU and in benchmarks. See `CPUKernelRun` for how one is run.
public protocol KernelCase: Hashable, Sendable, CustomStringConvertible {
  /// The kernel's argument struct.
  associatedtype Arguments
  /// The kernel's name.
  static var kernel: String { get }
  /// Shapes at which kernels break: nothing, one, around the width of vectors, panels and tiles, large and odd.
  static var edges: [Self] { get }
  /// A problem of moderate size.
  static func random(_ numbers: inout SeededNumbers) -> Self
  /// What the kernel reads and writes. Outputs are poisoned.
  func operands() -> Operands
  /// The argument struct over operands at these addresses; an operand that is absent has none.
  func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> Arguments
  /// What each written operand holds afterwards, in double precision: as many numbers as the operand has elements, not a
  /// number where the kernel must write nothing.
  func expected(_ operands: Operands) -> [String: [Float]]
  /// How far results in a storage type may be off.
  func bounds(_ dtype: DType) -> Comparison.Bounds
}

extension KernelCase {
  /// Edge shapes first, then random ones of a seed.
  public static func cases(random count: Int, seed: UInt64 = 1) -> [Self] {
    var numbers = SeededNumbers(seed: seed)
    return edges + (0..<count).map { _ in random(&numbers) }
  }

  /// Those of a kernel that sums in float32.
  public func bounds(_ dtype: DType) -> Comparison.Bounds { .of(dtype) }
}

/// One array that a kernel reads or writes.
public struct Operand: Hashable, Sendable {
  /// What it is in the argument struct.
  public var name: String
  /// How its elements are stored.
  public var dtype: DType
  /// Its contents before the kernel runs.
  public var bytes: [UInt8]
  /// Whether the kernel writes to it.
  public var isOutput: Bool
  /// Rows and columns, if it is a weight that the device wants prepared.
  public var prepared: WeightShape?

  /// The shape of a weight.
  public struct WeightShape: Hashable, Sendable {
    /// Outputs, or rows of a table.
    public var rows: Int
    /// Inputs, or the width of a table.
    public var columns: Int
  }

  /// Its numbers.
  public var values: [Float] { dtype.decoded(bytes) }
}

/// The operands of a problem by name.
public struct Operands: Sendable {
  /// In the order they were added.
  public private(set) var list: [Operand] = []

  /// None.
  public init() {}

  /// Adds what the kernel reads.
  public mutating func add(_ name: String, _ dtype: DType, _ values: [Float], prepared: Operand.WeightShape? = nil) {
    list.append(
      Operand(name: name, dtype: dtype, bytes: dtype.encoded(values), isOutput: false, prepared: prepared))
  }

  /// Adds what the kernel writes, filled with bytes that are not a number in any real type.
  public mutating func addOutput(_ name: String, _ dtype: DType, count: Int) {
    let bytes = [UInt8](repeating: 0xFF, count: count * dtype.byteCount)
    list.append(Operand(name: name, dtype: dtype, bytes: bytes, isOutput: true))
  }

  /// Adds bytes as they are.
  public mutating func add(_ operand: Operand) { list.append(operand) }

  /// The numbers of an operand; none if it is absent.
  public subscript(name: String) -> [Float]? { list.first { $0.name == name }?.values }

  /// Changes an operand.
  public mutating func update(_ name: String, _ body: (inout Operand) -> Void) {
    guard let index = list.firstIndex(where: { $0.name == name }) else { return }
    body(&list[index])
  }
}

/// A matrix in memory: rows that are some elements apart.
public struct Rows: Hashable, Sendable {
  /// Rows.
  public var count: Int
  /// Elements of a row.
  public var width: Int
  /// Elements from row to row.
  public var stride: Int

  /// Rows of a width, with a gap between them.
  public init(_ count: Int, _ width: Int, gap: Int = 0) {
    self.count = count
    self.width = width
    stride = width + gap
  }

  /// Elements from the first to the last.
  public var elements: Int { count == 0 ? 0 : (count - 1) * stride + width }

  /// The rows without what lies between them.
  public func dense(_ values: [Float]) -> [Double] {
    (0..<count).flatMap { row in values[row * stride..<row * stride + width].map(Double.init) }
  }

  /// The rows with gaps of nothing.
  public func spread(_ values: [Double]) -> [Float] {
    var result = [Float](repeating: .nan, count: elements)
    for row in 0..<count {
      for column in 0..<width { result[row * stride + column] = Float(values[row * width + column]) }
    }
    return result
  }
}
