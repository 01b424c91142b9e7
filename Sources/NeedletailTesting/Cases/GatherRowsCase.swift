import CNeedletailKernels
import NeedletailGraph

/// Rows of a table, or of a weight that is prepared for products.
public struct GatherRowsCase: KernelCase {
  /// Rows of the result.
  public var rows: Int
  /// Rows of the table.
  public var tableRows: Int
  /// Elements of a row.
  public var width: Int
  /// Whether the table is a prepared weight.
  public var isPrepared: Bool
  /// Factor of the result.
  public var scale: Float
  /// Storage types.
  public var x, out: DType
  /// Elements between the rows of out.
  public var gap: Int
  /// Whether every fourth row's index stands for a token that the step before has chosen (GPUs only).
  public var hasCarried = false
  /// Of the operands.
  public var seed: UInt64

  /// Rows of a table.
  public init(
    rows: Int, of tableRows: Int, width: Int, isPrepared: Bool = false, scale: Float = 1, x: DType = .float32,
    out: DType = .float32, gap: Int = 0, seed: UInt64 = 1
  ) {
    self.rows = rows
    self.tableRows = tableRows
    self.width = width
    self.isPrepared = isPrepared
    self.scale = scale
    self.x = x
    self.out = out
    self.gap = gap
    self.seed = seed
  }

  /// The kernel.
  public static let kernel = "gather_rows"

  /// Shapes at which it breaks first.
  public static var edges: [GatherRowsCase] {
    let types: [DType] = [.float32, .bfloat16, .float16]
    var edges: [GatherRowsCase] = []
    for isPrepared in [false, true] {
      for x in types {
        for out in types {
          edges.append(GatherRowsCase(rows: 5, of: 70, width: 77, isPrepared: isPrepared, scale: 3, x: x, out: out))
        }
      }
      for (index, width) in [1, 2, 31, 33, 65, 4097].enumerated() {
        edges.append(
          GatherRowsCase(
            rows: [1, 33, 0][index % 3], of: 33 - index, width: width, isPrepared: isPrepared, x: .bfloat16,
            gap: index))
      }
    }
    return edges
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> GatherRowsCase {
    let types: [DType] = [.float32, .bfloat16, .float16]
    return GatherRowsCase(
      rows: numbers.next(in: 1...40), of: numbers.next(in: 1...200), width: numbers.next(in: 1...300),
      isPrepared: numbers.next(in: 0...1) == 1, scale: numbers.normal(), x: numbers.pick(types),
      out: numbers.pick(types),
      gap: numbers.next(in: 0...7), seed: numbers.next())
  }

  private var outRows: Rows { Rows(rows, width, gap: gap) }

  /// What it reads and writes.
  public func operands() -> Operands {
    var numbers = SeededNumbers(seed: seed)
    var operands = Operands()
    operands.add(
      "x", x, numbers.floats(tableRows * width),
      prepared: isPrepared ? Operand.WeightShape(rows: tableRows, columns: width) : nil)
    // Every third index is at an end or outside.
    let indices = (0..<rows).map { row in
      row % 3 == 2 ? numbers.pick([-1, 0, tableRows - 1, tableRows]) : numbers.next(in: 0...tableRows - 1)
    }
    if hasCarried {
      // Index -1 - r stands for the token of row r.
      let carried = (0..<rows + 1).map { _ in Float(numbers.next(in: 0...tableRows - 1)) }
      operands.add("carried", .int32, carried)
      let mixed = indices.enumerated().map { row, index in
        row % 4 == 1 ? -1 - numbers.next(in: 0...rows) : max(index, 0)
      }
      operands.add("indices", .int32, mixed.map(Float.init))
    } else {
      operands.add("indices", .int32, indices.map(Float.init))
    }
    operands.addOutput("out", out, count: outRows.elements)
    return operands
  }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_gather_rows_arguments {
    nt_gather_rows_arguments(
      x: address("x"), indices: address("indices")?.assumingMemoryBound(to: Int32.self),
      carried: address("carried")?.assumingMemoryBound(to: Int32.self), out: address("out"),
      rows: Int64(rows), x_rows: Int64(tableRows), x_stride: Int64(width), out_stride: Int64(outRows.stride),
      width: Int32(width), x_panels: isPrepared ? 1 : 0, scale: scale, x_dtype: x.rawValue, out_dtype: out.rawValue,
      reserved: 0)
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    guard let x = operands["x"], let indices = operands["indices"] else { return [:] }
    let carried = operands["carried"]
    let rows = indices.map { index in carried.map { index < 0 ? Int($0[-1 - Int(index)]) : Int(index) } ?? Int(index) }
    let result = Reference.gatherRows(x.map(Double.init), width: width, rows, scale: Double(scale))
    return ["out": outRows.spread(result)]
  }

  /// For messages.
  public var description: String {
    "\(rows) rows of \(isPrepared ? "prepared " : "")[\(tableRows), \(width)] \(x.name) -> \(out.name), * \(scale), gap "
      + "\(gap)\(hasCarried ? ", carried tokens" : ""), seed \(seed)"
  }
}
