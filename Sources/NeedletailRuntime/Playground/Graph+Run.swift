import NeedletailCPU
import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels

/// Where `Graph.run` runs.
public enum RunDevice: Sendable {
  /// The CPU, with all its threads.
  case cpu
  /// Any device.
  case device(any Device)

  func make() throws -> any Device {
    switch self {
    case .cpu: try CPUDevice()
    case .device(let device): device
    }
  }
}

/// Numbers with a shape, as inputs and results of `Graph.run`.
public struct Values: Hashable, Sendable {
  /// Sizes, outermost first.
  public var shape: [Int]
  /// Elements, row-major.
  public var elements: [Float]

  /// Values of a shape.
  public init(_ shape: [Int], _ elements: [Float]) {
    precondition(shape.reduce(1, *) == elements.count, "\(elements.count) elements for \(shape)")
    self.shape = shape
    self.elements = elements
  }
}

extension Graph {
  /// Compiles the graph and runs it once: for tests of operations and passes, and for trying things out.
  ///
  ///     let builder = GraphBuilder()
  ///     let x = builder.input("x", .real, [.tokens, 2])
  ///     builder.output("y", x * 2 + x)
  ///     let y = try builder.graph.run(on: .cpu, ["x": Values([1, 2], [1, 2])])["y"]     // [3, 6]
  ///
  /// The rows of the first input whose first dimension is `.tokens` say how many tokens there are. They are one sequence
  /// from position 0 on; all of its rows are scored. Positions and the other standard inputs need not be given.
  ///
  /// - Parameters:
  ///   - inputs: by name; integers are given as floats.
  ///   - weights: the values of the graph's weights by their names.
  ///   - dtype: how operands of products are stored.
  ///   - recipe: how matrices are coded; none are unless it says so.
  ///   - cache: how keys and values are stored; nil: like the operands.
  ///   - blockSize: tokens of a cache block, for graphs with attention; nil: what suits the device.
  /// - Returns: the outputs by name, as float32.
  public func run(
    on device: RunDevice = .cpu, _ inputs: [String: Values] = [:], weights: [String: Values] = [:],
    dtype: DType = .float32, recipe: @escaping MatrixRecipe = { _, _ in nil }, cache: DType? = nil,
    blockSize: Int? = nil
  ) throws -> [String: Values] {
    let tokens = try tokenCount(inputs)
    let runner = try GraphRunner(
      self, on: try device.make(), weights: ValuesSource(values: weights), tokens: tokens, dtype: dtype,
      recipe: recipe, cache: cache, blockSize: blockSize)
    return try runner.run(inputs, tokens: tokens)
  }

  private func tokenCount(_ inputs: [String: Values]) throws -> Int {
    for node in nodes {
      guard case .input(let name) = node.op, let first = self[node.results[0]].shape.first else { continue }
      guard first.unit == .tokens, let values = inputs[name] else { continue }
      return values.shape[0] / first.count
    }
    return 1
  }
}

/// Weights given as values.
private struct ValuesSource: WeightSource {
  let values: [String: Values]

  func withRows(
    of part: Weight.Part, first: Int, count: Int, _ body: (UnsafeRawPointer, DType) throws -> Void
  ) throws {
    guard let found = values[part.name] else { throw GraphError("no values for the weight \(part.name)") }
    guard found.shape == part.shape else { throw GraphError("\(part.name) is \(found.shape), not \(part.shape)") }
    let width = part.storedWidth
    try found.elements.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      try body(start + first * width * 4, .float32)
    }
  }
}

extension LoadedPlan {
  /// Fills the standard inputs for one sequence from position 0 on, all rows scored.
  func writeSequence(tokens: Int, blockCount: Int) throws {
    func put<Element>(_ values: [Element], _ input: StepInput) throws {
      try values.withUnsafeBytes { try write($0, to: .step(input)) }
    }
    let rows = (0..<tokens).map(Int32.init)
    try put(rows, .positions)
    try put(rows, .scoredRows)
    try put(rows.map(Int64.init), .slots)
    try put([0, Int32(tokens)], .queryStarts)
    try put([Int32(tokens)], .contextLengths)
    try put((0..<blockCount).map(Int32.init), .blockTables)
  }
}

extension DType {
  func bytes(of elements: [Float]) throws -> [UInt8] {
    func pack<Element>(_ convert: (Float) -> Element) -> [UInt8] {
      elements.map(convert).withUnsafeBytes { Array($0) }
    }
    switch self {
    case .float32: return pack { $0 }
    case .float16: return pack { Float16($0) }
    case .bfloat16: return pack { FloatBits.bfloat16($0) }
    case .int32: return pack { Int32($0) }
    case .int64: return pack { Int64($0) }
    default: throw GraphError("an input of type \(name) cannot be given")
    }
  }

  func floats(in bytes: UnsafeRawBufferPointer) throws -> [Float] {
    switch self {
    case .float32: Array(bytes.bindMemory(to: Float.self))
    case .float16: bytes.bindMemory(to: Float16.self).map(Float.init)
    case .bfloat16: bytes.bindMemory(to: UInt16.self).map { FloatBits.float(bfloat16: $0) }
    case .int32: bytes.bindMemory(to: Int32.self).map(Float.init)
    default: throw GraphError("an output of type \(name) cannot be read")
    }
  }
}
