/// A symbolic tensor: a value of a graph that is being recorded. Operators and methods on it append nodes.
///
///     let builder = GraphBuilder()
///     let x = builder.input("x", .real, [.tokens, 64])
///     builder.output("y", (x + x).activation(.silu))
///     let graph = builder.graph
///
/// A shape that does not fit is a mistake of the model's author and traps with both shapes.
public struct Tensor {
  /// The value.
  public let value: Graph.Value
  /// The graph it belongs to.
  public let builder: GraphBuilder

  /// Shape and storage type.
  public var type: TensorType { builder.graph[value] }
  /// Dimensions, outermost first.
  public var shape: [Dim] { type.shape }
  /// Storage type; `.real` while a model is recorded.
  public var dtype: DType { type.dtype }
}

/// Records a graph.
public final class GraphBuilder {
  /// What is recorded so far.
  public private(set) var graph = Graph()
  private var scopes: [String] = []
  // A weight or a table used twice is one node.
  private var shared: [SharedKey: Graph.Value] = [:]
  private struct SharedKey: Hashable {
    let op: Op
    let inputs: [Graph.Value]
  }

  /// A recorder of an empty graph.
  public init() {}

  /// A value given at each step.
  public func input(_ name: String, _ dtype: DType, _ shape: [Dim]) -> Tensor {
    if let value = shared[SharedKey(op: .input(name), inputs: [])] { return Tensor(value: value, builder: self) }
    let value = graph.newValue(TensorType(dtype, shape))
    graph.nodes.append(Graph.Node(.input(name), [], [value]))
    shared[SharedKey(op: .input(name), inputs: [])] = value
    return Tensor(value: value, builder: self)
  }

  /// A weight; the same weight asked for twice is one value.
  public func weight(_ weight: Weight) -> Tensor { record(.weight(weight), [], isShared: true) }

  /// Declares a wanted value.
  public func output(_ name: String, _ tensor: Tensor) { graph.outputs.append(.init(name, tensor.value)) }

  /// Appends a node with one result. `isShared`: an equal node recorded before is used instead.
  public func record(_ op: Op, _ inputs: [Tensor], isShared: Bool = false) -> Tensor {
    precondition(inputs.allSatisfy { $0.builder === self }, "\(op.mnemonic) of tensors of two graphs")
    let values = inputs.map(\.value)
    if isShared, let value = shared[SharedKey(op: op, inputs: values)] { return Tensor(value: value, builder: self) }
    let types: [TensorType]
    do { types = try op.resultTypes(inputs.map(\.type)) } catch {
      preconditionFailure("\(op.mnemonic) in \(scopes.joined(separator: ".")): \(error)")
    }
    precondition(types.count == 1, "\(op.mnemonic) has \(types.count) results")
    let value = graph.newValue(types[0])
    graph.nodes.append(Graph.Node(op, values, [value], scope: scopes.joined(separator: ".")))
    if isShared { shared[SharedKey(op: op, inputs: values)] = value }
    return Tensor(value: value, builder: self)
  }

  /// Appends a node with several results.
  public func recordAll(_ op: Op, _ inputs: [Tensor]) -> [Tensor] {
    precondition(inputs.allSatisfy { $0.builder === self }, "\(op.mnemonic) of tensors of two graphs")
    let types: [TensorType]
    do { types = try op.resultTypes(inputs.map(\.type)) } catch {
      preconditionFailure("\(op.mnemonic) in \(scopes.joined(separator: ".")): \(error)")
    }
    let values = types.map { graph.newValue($0) }
    graph.nodes.append(Graph.Node(op, inputs.map(\.value), values, scope: scopes.joined(separator: ".")))
    return values.map { Tensor(value: $0, builder: self) }
  }

  /// Names the part of the model that is being recorded, for messages and reports.
  public func scope<Result>(_ name: String, _ body: () throws -> Result) rethrows -> Result {
    scopes.append(name)
    defer { scopes.removeLast() }
    return try body()
  }
}
