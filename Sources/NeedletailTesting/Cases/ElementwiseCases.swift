import CNeedletailKernels
import NeedletailGraph

/// activation(gate) * up.
public struct GatedActivationCase: KernelCase {
  /// Rows.
  public var rows: Int
  /// Elements of a row of the result.
  public var width: Int
  /// The gate's function.
  public var activation: Activation
  /// Storage types.
  public var x, out: DType
  /// Elements between rows.
  public var gap: Int
  /// Of the operands.
  public var seed: UInt64

  /// A gated activation.
  public init(
    rows: Int, width: Int, _ activation: Activation, x: DType = .float32, out: DType = .float32, gap: Int = 0,
    seed: UInt64 = 1
  ) {
    self.rows = rows
    self.width = width
    self.activation = activation
    self.x = x
    self.out = out
    self.gap = gap
    self.seed = seed
  }

  /// The kernel.
  public static let kernel = "gated_activation"

  /// Shapes at which it breaks first.
  public static var edges: [GatedActivationCase] {
    let types: [DType] = [.float32, .bfloat16, .float16]
    var edges = Activation.allCases.map { GatedActivationCase(rows: 3, width: 333, $0) }
    for (index, width) in [1, 15, 16, 17, 31, 33, 65, 4097].enumerated() {
      edges.append(
        GatedActivationCase(rows: [1, 31, 0, 2][index % 4], width: width, .silu, out: .bfloat16, gap: index))
    }
    for x in types {
      for out in types { edges.append(GatedActivationCase(rows: 2, width: 50, .geluTanh, x: x, out: out, gap: 3)) }
    }
    return edges
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> GatedActivationCase {
    let types: [DType] = [.float32, .bfloat16, .float16]
    return GatedActivationCase(
      rows: numbers.next(in: 1...40), width: numbers.next(in: 1...900), numbers.pick(Activation.allCases),
      x: numbers.pick(types), out: numbers.pick(types), gap: numbers.next(in: 0...7), seed: numbers.next())
  }

  private var xRows: Rows { Rows(rows, 2 * width, gap: gap) }
  private var outRows: Rows { Rows(rows, width, gap: gap) }

  /// What it reads and writes.
  public func operands() -> Operands {
    var numbers = SeededNumbers(seed: seed)
    var operands = Operands()
    operands.add("x", x, numbers.floats(xRows.elements, deviation: 3))
    operands.addOutput("out", out, count: outRows.elements)
    return operands
  }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_gated_activation_arguments {
    nt_gated_activation_arguments(
      x: address("x"), out: address("out"), rows: Int64(rows), x_stride: Int64(xRows.stride),
      out_stride: Int64(outRows.stride), width: Int32(width), activation: activation.rawValue, x_dtype: x.rawValue,
      out_dtype: out.rawValue)
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    guard let x = operands["x"] else { return [:] }
    return ["out": outRows.spread(Reference.gatedActivation(xRows.dense(x), width: width, activation))]
  }

  /// For messages.
  public var description: String {
    "\(activation)(gate) * up [\(rows), \(width)] \(x.name) -> \(out.name), gap \(gap), seed \(seed)"
  }
}

/// A function of each element, with a factor and an offset; or a soft cap.
public struct UnaryCase: KernelCase {
  /// Rows.
  public var rows: Int
  /// Elements of a row.
  public var width: Int
  /// The function.
  public var activation: Activation
  /// activation(x) * scale + offset.
  public var scale, offset: Float
  /// 0: none.
  public var softcap: Float
  /// What results are kept between; nil: nothing.
  public var bounds: ClosedRange<Float>?
  /// Storage types.
  public var x, out: DType
  /// Elements between rows of x; rows of out have none.
  public var gap: Int
  /// Of the operands.
  public var seed: UInt64

  /// A function of each element.
  public init(
    rows: Int, width: Int, _ activation: Activation = .identity, scale: Float = 1, offset: Float = 0,
    softcap: Float = 0, bounds: ClosedRange<Float>? = nil, x: DType = .float32, out: DType = .float32, gap: Int = 0,
    seed: UInt64 = 1
  ) {
    self.rows = rows
    self.width = width
    self.activation = activation
    self.scale = scale
    self.offset = offset
    self.softcap = softcap
    self.bounds = bounds
    self.x = x
    self.out = out
    self.gap = gap
    self.seed = seed
  }

  /// The kernel.
  public static let kernel = "unary"

  /// Shapes at which it breaks first.
  public static var edges: [UnaryCase] {
    let types: [DType] = [.float32, .bfloat16, .float16]
    var edges = Activation.allCases.map { UnaryCase(rows: 3, width: 333, $0, scale: 0.5, offset: -2) }
    for (index, width) in [1, 15, 16, 17, 31, 33, 65, 4097].enumerated() {
      edges.append(UnaryCase(rows: [1, 31, 0, 2][index % 4], width: width, .tanh, out: .bfloat16, gap: index))
    }
    for x in types {
      for out in types {
        edges.append(UnaryCase(rows: 2, width: 50, x: x, out: out, gap: 3))
        edges.append(UnaryCase(rows: 2, width: 50, scale: 3, softcap: 5, x: x, out: out))
        edges.append(UnaryCase(rows: 2, width: 50, bounds: -2...1.5, x: x, out: out, gap: 3))
      }
    }
    return edges
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> UnaryCase {
    let types: [DType] = [.float32, .bfloat16, .float16]
    return UnaryCase(
      rows: numbers.next(in: 1...40), width: numbers.next(in: 1...900), numbers.pick(Activation.allCases),
      scale: numbers.normal(), offset: numbers.normal(), x: numbers.pick(types), out: numbers.pick(types),
      gap: numbers.next(in: 0...7), seed: numbers.next())
  }

  private var xRows: Rows { Rows(rows, width, gap: gap) }
  private var outRows: Rows { Rows(rows, width) }

  /// What it reads and writes.
  public func operands() -> Operands {
    var numbers = SeededNumbers(seed: seed)
    var operands = Operands()
    operands.add("x", x, numbers.floats(xRows.elements, deviation: 3))
    operands.addOutput("out", out, count: outRows.elements)
    return operands
  }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_unary_arguments {
    nt_unary_arguments(
      x: address("x"), out: address("out"), rows: Int64(rows), x_stride: Int64(xRows.stride),
      out_stride: Int64(outRows.stride), width: Int32(width), activation: activation.rawValue, scale: scale,
      offset: offset, softcap: softcap, low: bounds?.lowerBound ?? 0, high: bounds?.upperBound ?? 0,
      x_dtype: x.rawValue, out_dtype: out.rawValue, reserved: 0)
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    guard let x = operands["x"] else { return [:] }
    let result = xRows.dense(x).map { value in
      let result =
        softcap > 0
        ? Reference.softcap(value * Double(scale), Double(softcap))
        : Reference.activation(value, activation) * Double(scale) + Double(offset)
      return bounds.map { min(max(result, Double($0.lowerBound)), Double($0.upperBound)) } ?? result
    }
    return ["out": outRows.spread(result)]
  }

  /// For messages.
  public var description: String {
    "\(activation) [\(rows), \(width)] \(x.name) -> \(out.name), * \(scale) + \(offset), softcap \(softcap), bounds \(bounds.map { "\($0)" } ?? "none"), gap \(gap), "
      + "seed \(seed)"
  }
}

/// Two operands, element by element.
public struct BinaryCase: KernelCase {
  /// Rows.
  public var rows: Int
  /// Elements of a row.
  public var width: Int
  /// What is computed.
  public var operation: BinaryOperation
  /// Whether b is one row for all rows.
  public var isRepeated: Bool
  /// Storage types.
  public var a, b, out: DType
  /// Elements between the rows of a and of out.
  public var gap: Int
  /// Of the operands.
  public var seed: UInt64

  /// Two operands, element by element.
  public init(
    rows: Int, width: Int, _ operation: BinaryOperation, isRepeated: Bool = false, a: DType = .float32,
    b: DType = .float32, out: DType = .float32, gap: Int = 0, seed: UInt64 = 1
  ) {
    self.rows = rows
    self.width = width
    self.operation = operation
    self.isRepeated = isRepeated
    self.a = a
    self.b = b
    self.out = out
    self.gap = gap
    self.seed = seed
  }

  /// The kernel.
  public static let kernel = "binary"

  /// Shapes at which it breaks first.
  public static var edges: [BinaryCase] {
    let types: [DType] = [.float32, .bfloat16, .float16]
    var edges: [BinaryCase] = []
    for operation in BinaryOperation.allCases {
      for (index, width) in [1, 15, 16, 17, 31, 33, 65, 4097].enumerated() {
        edges.append(
          BinaryCase(rows: [1, 31, 0, 2][index % 4], width: width, operation, isRepeated: index % 3 == 0, gap: index))
      }
    }
    for a in types {
      for b in types {
        for out in types {
          edges.append(BinaryCase(rows: 2, width: 50, .add, isRepeated: a == b, a: a, b: b, out: out, gap: 3))
        }
      }
    }
    return edges
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> BinaryCase {
    let types: [DType] = [.float32, .bfloat16, .float16]
    return BinaryCase(
      rows: numbers.next(in: 1...40), width: numbers.next(in: 1...900), numbers.pick(BinaryOperation.allCases),
      isRepeated: numbers.next(in: 0...1) == 1, a: numbers.pick(types), b: numbers.pick(types),
      out: numbers.pick(types),
      gap: numbers.next(in: 0...7), seed: numbers.next())
  }

  private var shape: Rows { Rows(rows, width, gap: gap) }
  private var bShape: Rows { Rows(isRepeated ? 1 : rows, width) }

  /// What it reads and writes.
  public func operands() -> Operands {
    var numbers = SeededNumbers(seed: seed)
    var operands = Operands()
    operands.add("a", a, numbers.floats(shape.elements))
    // Away from zero: quotients near it would hide all others in a norm.
    operands.add("b", b, numbers.floats(bShape.elements).map { $0 < 0 ? $0 - 0.5 : $0 + 0.5 })
    operands.addOutput("out", out, count: shape.elements)
    return operands
  }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_binary_arguments {
    nt_binary_arguments(
      a: address("a"), b: address("b"), out: address("out"), rows: Int64(rows), a_stride: Int64(shape.stride),
      b_stride: isRepeated ? 0 : Int64(bShape.stride), out_stride: Int64(shape.stride), width: Int32(width),
      operation: operation.rawValue, a_dtype: a.rawValue, b_dtype: b.rawValue, out_dtype: out.rawValue, reserved: 0)
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    guard let a = operands["a"], let b = operands["b"] else { return [:] }
    return ["out": shape.spread(Reference.binary(shape.dense(a), bShape.dense(b), operation))]
  }

  /// For messages.
  public var description: String {
    "\(operation) [\(rows), \(width)] \(a.name), \(b.name)\(isRepeated ? " repeated" : "") -> \(out.name), gap \(gap), "
      + "seed \(seed)"
  }
}
