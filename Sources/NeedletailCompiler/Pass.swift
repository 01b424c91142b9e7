import NeedletailGraph
import NeedletailKernels

/// One rewriting of a graph, with a name to print.
///
///     let dropScales = Pass("dropScales") { graph, _ in
///       for node in graph.nodes where node.op == .scale(1, offset: 0) {
///         graph.replaceUses(of: node.results[0], with: node.inputs[0])
///       }
///     }
///
/// A pass keeps what the graph computes and leaves a graph that verifies. Nodes it no longer needs may stay: they are
/// swept after every pass.
public struct Pass: Sendable {
  /// Its name in reports: "mergeProjections".
  public let name: String
  private let body: @Sendable (inout Graph, PassContext) throws(GraphError) -> Void

  /// A pass of a name and a function that rewrites a graph.
  public init(_ name: String, _ body: @escaping @Sendable (inout Graph, PassContext) throws(GraphError) -> Void) {
    self.name = name
    self.body = body
  }

  /// Rewrites the graph, sweeps what nothing uses any more (a dead node would count as a user in the next pass), numbers
  /// the values anew and verifies. Errors name the pass.
  public func run(_ graph: inout Graph, _ context: PassContext) throws(GraphError) {
    do throws(GraphError) {
      try body(&graph, context)
      graph.removeUnused()
      graph.renumber()
      try graph.verify()
    } catch { throw GraphError("pass \(name): \(error.description)") }
  }
}

/// How a matrix is coded, from its part and what it is for; nil: it stays as it is. Throws where a device has no kernels
/// for it.
public typealias MatrixRecipe = @Sendable (Weight.Part, ModuleRole) throws(GraphError) -> LinearRecipe?

/// What passes know about the device and the checkpoint.
public struct PassContext: Sendable {
  /// How values are stored.
  public var precision: PrecisionPolicy
  /// What the device's catalog has kernels for, in steps of the size that is compiled.
  public var fusions: Set<Fusion>
  /// How the checkpoint stores a tensor, by its name.
  public var storedType: @Sendable (String) -> DType
  /// How a matrix is coded, from its part and what it is for; nil: it stays as it is.
  public var recipe: MatrixRecipe = { _, _ in nil }

  /// A context. Without `storedType`, the checkpoint is taken to be float32; without `fusions`, products and attention
  /// stay by themselves.
  public init(
    precision: PrecisionPolicy, fusions: Set<Fusion> = .aroundProducts,
    storedType: @escaping @Sendable (String) -> DType = { _ in .float32 }
  ) {
    self.precision = precision
    self.fusions = fusions
    self.storedType = storedType
  }
}
