import NeedletailCompiler
import NeedletailGraph
import NeedletailKernels

/// A graph compiled and loaded for running one sequence at a time, by hand: `Graph.run`, kept for several runs.
///
///     let runner = try GraphRunner(graph, on: device, weights: source, tokens: 512)
///     let results = try runner.run(["hidden": values], tokens: 300)
///
/// Not thread-safe.
public final class GraphRunner {
  private let graph: Graph
  private let loaded: any LoadedPlan
  private let limits: PlanLimits

  /// Compiles a graph for up to so many tokens and prepares its weights.
  /// - Parameters:
  ///   - dtype: how operands of products are stored.
  ///   - recipe: how matrices are coded.
  ///   - cache: how keys and values are stored; nil: as operands are.
  ///   - blockSize: tokens of a cache block, for graphs with attention; nil: what suits the device.
  public init(
    _ graph: Graph, on device: any Device, weights: any WeightSource, tokens: Int, dtype: DType = .float32,
    recipe: @escaping MatrixRecipe = { _, _ in nil }, cache: DType? = nil, blockSize: Int? = nil
  ) throws {
    self.graph = graph
    limits = PlanLimits(
      tokens: tokens, sequences: 1, scoredRows: tokens, sequenceLength: max(tokens, 1),
      blockSize: blockSize ?? (device.catalog.target.device == "cuda" ? 64 : 16))
    var options = CompilerOptions(precision: PrecisionPolicy(dtype, cache: cache), limits: limits)
    options.recipe = recipe
    let plan = try Compiler(catalog: device.catalog).compile(graph, options)
    loaded = try device.load(plan, weights: weights, blockCount: limits.blocksPerSequence, progress: nil)
  }

  /// Runs one sequence from position 0 on; all of its rows are scored.
  /// - Parameter inputs: by name; integers are given as floats. Positions and the other standard inputs need not be given.
  /// - Returns: the outputs by name, as float32.
  public func run(_ inputs: [String: Values], tokens: Int) throws -> [String: Values] {
    guard tokens <= limits.tokens else { throw GraphError("\(tokens) tokens, in a graph for \(limits.tokens)") }
    let plan = loaded.plan
    try loaded.writeSequence(tokens: tokens, blockCount: limits.blocksPerSequence)
    for node in graph.nodes {
      guard case .input(let name) = node.op, let values = inputs[name] else { continue }
      let buffer: Buffer = StepInput(rawValue: name).map { .step($0) } ?? .input(name)
      let stored = plan.inputs.first { $0.name == name }?.type.dtype ?? graph[node.results[0]].dtype
      try stored.bytes(of: values.elements).withUnsafeBytes { try loaded.write($0, to: buffer) }
    }
    let counts = StepCounts(tokens: tokens, sequences: 1, scoredRows: tokens)
    try loaded.forward(counts, times: nil)
    var results: [String: Values] = [:]
    for output in plan.outputs {
      let elements = try loaded.withOutput(output.name) { bytes in
        let count = output.type.shape.reduce(1) { $0 * $1.value(in: counts) }
        return Array(try output.type.dtype.floats(in: bytes).prefix(count))
      }
      results[output.name] = Values(output.type.shape.map { $0.value(in: counts) }, elements)
    }
    return results
  }
}
