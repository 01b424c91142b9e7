import CNeedletailKernels
import NeedletailGraph

/// The choice of experts for rows of logits. See `experts.h`.
public struct RouteCase: KernelCase {
  /// Rows, and the experts they choose from.
  public var rows, experts: Int
  /// How they choose.
  public var routing: Routing
  /// Whether there is a bias.
  public var hasBias = false
  /// Every so manieth row is padding; 0: none is.
  public var padding = 0
  /// Storage of the logits.
  public var logits = DType.float32
  /// Of the operands.
  public var seed: UInt64 = 1

  /// Rows that choose in some way.
  public init(_ rows: Int, _ experts: Int, _ routing: Routing) {
    self.rows = rows
    self.experts = experts
    self.routing = routing
  }

  /// The kernel.
  public static let kernel = "route"

  /// Those of published models, and around the experts of a lane.
  public static var edges: [RouteCase] {
    var edges = [
      RouteCase(5, 8, Routing(2, .softmax, renormalizes: true)), RouteCase(64, 60, Routing(4, .softmax)),
      RouteCase(33, 128, Routing(8, .softmax, renormalizes: true)), RouteCase(9, 32, Routing(4, .softmaxOfChosen)),
      RouteCase(13, 16, Routing(2, .sparseMixer, jitter: 0.01)), RouteCase(40, 16, Routing(1, .sigmoid)),
      RouteCase(9, 160, Routing(6, .softmax, scale: 16, groups: .init(count: 8, chosen: 3, score: .maximum))),
      RouteCase(3, 1, Routing(1, .softmax)), RouteCase(7, 512, Routing(10, .softmax, renormalizes: true)),
      RouteCase(0, 8, Routing(2, .softmax)), RouteCase(1, 31, Routing(31, .sigmoid, renormalizes: true)),
    ]
    var deepSeek = RouteCase(
      17, 256,
      Routing(8, .sigmoid, renormalizes: true, scale: 2.5, groups: .init(count: 8, chosen: 4, score: .topTwo)))
    deepSeek.hasBias = true
    deepSeek.padding = 3
    edges.append(deepSeek)
    var padded = RouteCase(12, 33, Routing(3, .softmax))
    padded.padding = 2
    edges.append(padded)
    return edges
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> RouteCase {
    let experts = numbers.next(in: 1...300)
    let scoring = numbers.pick(Routing.Scoring.allCases)
    var problem = RouteCase(
      numbers.next(in: 1...40), experts,
      Routing(
        numbers.next(in: 1...min(10, experts)), scoring, renormalizes: numbers.next(in: 0...1) == 0, scale: 1.5,
        jitter: scoring == .sparseMixer ? 0.0173 : 0))
    problem.hasBias = scoring == .sigmoid && numbers.next(in: 0...1) == 0
    problem.padding = numbers.pick([0, 0, 4])
    problem.seed = numbers.next()
    return problem
  }

  private func isPadding(_ row: Int) -> Bool { padding > 0 && row % padding == padding - 1 }

  /// What it reads and writes. No two logits of a row are so near that rounding could change their order.
  public func operands() -> Operands {
    var numbers = SeededNumbers(seed: seed)
    var operands = Operands()
    let levels = (0..<rows).flatMap { _ in (0..<experts).shuffled(using: &numbers) }
    operands.add("logits", logits, levels.map { (Float($0) - Float(experts) / 2) / 32 })
    if hasBias { operands.add("bias", .float32, numbers.floats(experts, deviation: 0.1)) }
    operands.add("slots", .int64, (0..<rows).map { isPadding($0) ? -1 : Float($0) })
    operands.addOutput("chosen", .int32, count: rows * routing.chosenCount)
    operands.addOutput("weights", .float32, count: rows * routing.chosenCount)
    return operands
  }

  /// Its argument struct.
  public func arguments(_ address: (String) -> UnsafeMutableRawPointer?) -> nt_route_arguments {
    var arguments = nt_route_arguments()
    arguments.logits = address("logits").map { .init($0) }
    arguments.bias = address("bias").map { .init($0.assumingMemoryBound(to: Float.self)) }
    arguments.chosen = address("chosen")?.assumingMemoryBound(to: Int32.self)
    arguments.weights = address("weights")?.assumingMemoryBound(to: Float.self)
    arguments.slots = address("slots").map { .init($0.assumingMemoryBound(to: Int64.self)) }
    arguments.rows = Int64(rows)
    arguments.logits_stride = Int64(experts)
    arguments.experts = Int32(experts)
    arguments.k = Int32(routing.chosenCount)
    arguments.scoring = routing.scoring.rawValue
    arguments.renormalizes = routing.renormalizes ? 1 : 0
    arguments.groups = Int32(routing.groups?.count ?? 0)
    arguments.chosen_groups = Int32(routing.groups?.chosen ?? 0)
    arguments.group_score = routing.groups?.score.rawValue ?? 0
    arguments.logits_dtype = logits.rawValue
    arguments.scale = routing.scale
    arguments.jitter = routing.jitter
    return arguments
  }

  /// What it writes.
  public func expected(_ operands: Operands) -> [String: [Float]] {
    let (chosen, weights) = Reference.routed(
      (operands["logits"] ?? []).map(Double.init), experts: experts, routing,
      bias: operands["bias"]?.map(Double.init))
    let k = routing.chosenCount
    return [
      "chosen": chosen.indices.map { isPadding($0 / k) ? -1 : Float(chosen[$0]) },
      "weights": weights.indices.map { isPadding($0 / k) ? 0 : Float(weights[$0]) },
    ]
  }

  /// Numbers of experts are exact.
  public func bounds(_ dtype: DType) -> Comparison.Bounds {
    dtype == .int32 ? .init(relativeError: 0, calcDiff: 1e-15, worst: 0) : .of(dtype, slack: 4)
  }

  /// For messages.
  public var description: String {
    "route [\(rows), \(experts)] \(routing)\(hasBias ? ", bias" : ""), padding \(padding), seed \(seed)"
  }
}
