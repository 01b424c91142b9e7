import CNeedletailKernels
import NeedletailGraph

/// One of the products of a mixture of experts on a GPU, of few tokens or of sorted rows. See `experts.h`.
public struct ExpertsProductCase: KernelCase {
  /// Tokens, experts, and how many of them a token chooses.
  public var tokens, experts, choices: Int
  /// Columns of an expert's result, and those it sums over.
  public var width, k: Int
  /// Of the gate; nil: the second product, which has none.
  public var gate: Activation?
  /// Bounds of gates and what they multiply, and what is added to the latter.
  public var limit: Float?, upOffset: Float = 0
  /// Whether there is a bias, and whether tokens' weights multiply the sums.
  public var hasBias = false, isWeighted = false
  /// Whether rows are sorted by expert and gathered.
  public var isSorted = false
  /// Every so manieth token is padding; 0: none is.
  public var padding = 0
  /// Storage of x and the weights, and of the result.
  public var dtype, out: DType
  /// Of the operands.
  public var seed: UInt64 = 1
  /// Rows behind sorted ones that may be read, but not used.
  public static let spareRows = 64

  /// A product in a type.
  public init(
    _ tokens: Int, _ experts: Int, _ choices: Int, width: Int, k: Int, gate: Activation?, _ dtype: DType = .bfloat16
  ) {
    (self.tokens, self.experts, self.choices, self.width, self.k) = (tokens, experts, choices, width, k)
    self.gate = gate
    self.dtype = dtype
    out = dtype
  }

  /// The kernel.
  public static let kernel = "grouped_matmul"

  /// Shapes at which it breaks first: one token, experts without any, more pairs of an expert than a tile has rows.
  public static var edges: [ExpertsProductCase] {
    var edges: [ExpertsProductCase] = []
    let sizes = [
      (1, 8, 2), (2, 8, 2), (3, 4, 1), (8, 8, 2), (5, 60, 4), (7, 512, 8), (16, 16, 4), (31, 128, 8), (64, 8, 2),
      (64, 1, 1), (129, 3, 2), (300, 8, 2), (257, 16, 4), (1000, 2, 1),
    ]
    let shapes = [(256, 128), (72, 136), (64, 320), (200, 64), (33, 65), (128, 1024), (520, 96)]
    for (index, size) in sizes.enumerated() {
      for number in 0..<3 {
        var shape = shapes[(index + number * 2) % shapes.count]
        // Many experts are small ones, and many tokens' sums are short.
        if max(size.1 * 16, size.0 * size.2) * shape.0 * shape.1 > 12_000_000 { shape = (72, 40) }
        let dtype = [DType.bfloat16, .float16, .bfloat16, .float32][(index + number) % 4]
        var edge = ExpertsProductCase(
          size.0, size.1, size.2, width: shape.0, k: shape.1, gate: number == 1 ? nil : .silu, dtype)
        edge.hasBias = index % 2 == 0
        edge.isWeighted = number == 2 && index % 3 == 0
        edge.padding = index % 4 == 1 ? 2 : 0
        edge.out = number == 1 && index % 2 == 1 ? .float32 : dtype
        if number == 2, index % 2 == 1 { (edge.gate, edge.limit, edge.upOffset) = (.quickGelu, 1, 1) }
        edges.append(edge)
      }
    }
    return edges
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> ExpertsProductCase {
    let experts = numbers.next(in: 1...40)
    var problem = ExpertsProductCase(
      numbers.next(in: 1...200), experts, numbers.next(in: 1...min(4, experts)), width: 8 * numbers.next(in: 1...40),
      k: 8 * numbers.next(in: 1...40), gate: numbers.pick([nil, .silu, .geluTanh]),
      numbers.pick([.bfloat16, .float16]))
    problem.hasBias = numbers.next(in: 0...2) == 0
    problem.padding = numbers.pick([0, 0, 3])
    problem.seed = numbers.next()
    return problem
  }

  /// The same with rows sorted by expert, or not.
  public func sorted(_ isSorted: Bool) -> ExpertsProductCase {
    var other = self
    other.isSorted = isSorted
    return other
  }

  /// Rows of an expert's weight.
  public var n: Int { gate == nil ? width : 2 * width }
  /// Pairs of a token and a choice.
  public var pairs: Int { tokens * choices }
  /// Of few tokens the first product reads rows of tokens, all others read rows of pairs.
  private var readsTokens: Bool { !isSorted && gate != nil }

  /// The expert of each pair, -1 for those of padding.
  private var chosen: [Int] {
    var numbers = SeededNumbers(seed: seed &+ 7)
    return (0..<tokens).flatMap { token in
      let experts = (0..<experts).shuffled(using: &numbers).prefix(choices)
      return padding > 0 && token % padding == padding - 1 ? experts.map { _ in -1 } : Array(experts)
    }
  }

  /// What it reads and writes.
  public func operands() -> Operands {
    var numbers = SeededNumbers(seed: seed)
    var operands = Operands()
    let chosen = chosen
    let rows = readsTokens ? tokens : isSorted ? pairs + Self.spareRows : pairs
    var x = numbers.floats(rows * k, mean: 0.1)
    // What may be read but not used is not a number.
    if isSorted { for index in pairs * k..<rows * k { x[index] = .nan } }
    operands.add("x", dtype, x)
    operands.add("w", dtype, numbers.floats(experts * n * k, deviation: 0.3))
    if hasBias { operands.add("bias", .float32, numbers.floats(experts * n)) }
    if isWeighted { operands.add("weights", .float32, numbers.floats(pairs, deviation: 0.2, mean: 0.5)) }
    operands.add("chosen", .int32, chosen.map { Float($0) })
    if isSorted {
      let order = (0..<experts).map { expert in chosen.indices.filter { chosen[$0] == expert } }
      operands.add("starts", .int32, order.reduce(into: [Float(0)]) { $0.append($0[$0.count - 1] + Float($1.count)) })
      let sorted = order.flatMap { $0 }
      operands.add("pairs", .int32, (0..<pairs).map { $0 < sorted.count ? Float(sorted[$0]) : -1 })
    }
    operands.addOutput("out", out, count: pairs * width)
    return operands
  }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_grouped_matmul_arguments {
    func integers(_ name: String) -> UnsafePointer<Int32>? {
      address(name).map { .init($0.assumingMemoryBound(to: Int32.self)) }
    }
    func floats(_ name: String) -> UnsafePointer<Float>? {
      address(name).map { .init($0.assumingMemoryBound(to: Float.self)) }
    }
    var arguments = nt_grouped_matmul_arguments()
    arguments.x = address("x").map { .init($0) }
    arguments.w = address("w").map { .init($0) }
    arguments.bias = floats("bias")
    arguments.weights = floats("weights")
    arguments.starts = integers("starts")
    arguments.pairs = integers("pairs")
    arguments.chosen = integers("chosen")
    arguments.out = address("out")
    arguments.rows = Int64(tokens)
    (arguments.x_stride, arguments.w_stride, arguments.out_stride) = (Int64(k), Int64(k), Int64(width))
    (arguments.experts, arguments.choices) = (Int32(experts), Int32(choices))
    (arguments.n, arguments.k) = (Int32(n), Int32(k))
    arguments.gathers = readsTokens ? 1 : 0
    arguments.gated = gate == nil ? 0 : 1
    arguments.activation = (gate ?? .identity).rawValue
    arguments.limit = limit ?? .infinity
    arguments.up_offset = upOffset
    (arguments.x_dtype, arguments.w_dtype, arguments.out_dtype) = (dtype.rawValue, dtype.rawValue, out.rawValue)
    return arguments
  }

  /// What it writes: nothing for padding.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    guard let x = operands["x"], let w = operands["w"] else { return [:] }
    let chosen = chosen
    let order = operands["pairs"]?.map { Int($0) } ?? Array(0..<pairs)
    var result = [Float](repeating: .nan, count: pairs * width)
    for (place, pair) in order.enumerated() where pair >= 0 && chosen[pair] >= 0 {
      let (expert, row) = (chosen[pair], readsTokens ? pair / choices : place)
      let factor = Double(operands["weights"]?[pair] ?? 1)
      var sums = Reference.matmul(
        x[row * k..<(row + 1) * k].map(Double.init), w[expert * n * k..<(expert + 1) * n * k].map(Double.init), rows: 1,
        n: n, k: k)
      for index in 0..<n { sums[index] = sums[index] * factor + Double(operands["bias"]?[expert * n + index] ?? 0) }
      for index in 0..<width {
        guard let gate else {
          result[place * width + index] = Float(sums[index])
          continue
        }
        var (value, up) = (sums[index], sums[width + index])
        if let limit = limit.map(Double.init) { (value, up) = (min(value, limit), max(-limit, min(up, limit))) }
        result[place * width + index] = Float(Reference.activation(value, gate) * (up + Double(upOffset)))
      }
    }
    return ["out": result]
  }

  /// A gate multiplies what was summed.
  public func bounds(_ dtype: DType) -> Comparison.Bounds {
    .of(dtype, slack: max(1, Double(k).squareRoot() / 16) * (gate == nil ? 1 : 4))
  }

  /// For messages.
  public var description: String {
    var text = "\(isSorted ? "sorted" : "few") experts: \(tokens) tokens, \(choices) of \(experts), "
    text += "[\(n), \(k)] \(dtype.name) -> \(out.name)"
    if let gate { text += ", \(gate) gate" }
    if let limit { text += " up to \(limit)" }
    if hasBias { text += ", bias" }
    if isWeighted { text += ", weighted" }
    return text + ", padding \(padding), seed \(seed)"
  }
}
