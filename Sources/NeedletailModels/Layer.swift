import NeedletailGraph

/// A part of a model: a struct whose properties are parameters and other layers, and which is called on tensors.
///
/// The names of parameters in the checkpoint are the paths of the properties that hold them, in snake case; elements of
/// arrays are numbered, optionals that are nil are left out, and properties that are neither parameters nor layers (nor
/// arrays or optionals of them) are passed over.
///
///     struct FeedForward: Layer {
///       let upProj, downProj: Linear           // "up_proj.weight", "down_proj.weight"
///       let normOut: RMSNorm                   // "norm_2.weight"
///       static let checkpointNames = ["normOut": "norm_2"]
///     }
public protocol Layer: Sendable {
  /// The names of properties whose names in the checkpoint are not their own in snake case. An empty name stands for no
  /// step of the path: what the property holds is named as if it were the layer's own.
  static var checkpointNames: [String: String] { get }
  /// The same of this one layer, for a type that architectures share and name differently; those of the type unless said.
  var checkpointNames: [String: String] { get }
}

extension Layer {
  /// No odd names.
  public static var checkpointNames: [String: String] { [:] }
  /// Those of the type.
  public var checkpointNames: [String: String] { Self.checkpointNames }

  /// The names, shapes and order of all parameters, as the checkpoint has them.
  public func parameterNames(ties: [String: String] = [:]) throws(ModelError) -> ParameterNames {
    try ParameterNames(of: self, ties: ties)
  }

  /// Records what is called inside it as this layer's: nodes carry the layer's path, "model.layers.0.mlp".
  ///
  /// Layers do this in `callAsFunction` where they have several parts; one without parameters has no path and leaves the
  /// path as it is.
  public func scope<Result>(in builder: GraphBuilder, _ body: () throws -> Result) rethrows -> Result {
    guard let path = ParameterNames.current?.path(of: self), path != ParameterNames.scope else { return try body() }
    // Builders join nested scopes; a path is given relative to the one around it.
    let outer = ParameterNames.scope
    let relative = outer.isEmpty || !path.hasPrefix(outer + ".") ? path : String(path.dropFirst(outer.count + 1))
    return try ParameterNames.$scope.withValue(path) { try builder.scope(relative, body) }
  }

  /// Records a graph that uses this layer: the way to run a layer on its own.
  ///
  ///     let layer = RMSNorm(64, eps: 1e-6)
  ///     let graph = try layer.record { builder in
  ///       builder.output("y", layer(builder.input("x", .real, [.tokens, 64])))
  ///     }
  ///
  /// Throws where a parameter is reached from this layer twice, or used without being reached from it.
  public func record(
    ties: [String: String] = [:], _ body: (GraphBuilder) throws(ModelError) -> Void
  ) throws(ModelError) -> Graph {
    let names = try parameterNames(ties: ties)
    let builder = GraphBuilder()
    // withValue rethrows untyped errors.
    let result: Result<Void, ModelError> = ParameterNames.$current.withValue(names) {
      do throws(ModelError) { return .success(try body(builder)) } catch { return .failure(error) }
    }
    try result.get()
    try names.check(builder.graph, root: "\(Self.self)")
    do throws(GraphError) { try builder.graph.verify() } catch { throw ModelError(error.description) }
    return builder.graph
  }
}

/// A mistake in the definition of a model, as a sentence.
public struct ModelError: Error, Equatable, CustomStringConvertible {
  /// What is wrong and where.
  public let description: String
  /// An error.
  public init(_ description: String) { self.description = description }
}
