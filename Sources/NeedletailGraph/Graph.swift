/// A computation as a list of nodes, each of which uses values that earlier nodes define.
///
/// Models record it, passes rewrite it, the last pass turns it into launches. It is a value: copying it keeps the old one.
/// Print it with `text`; `Graph(text:)` reads it back.
public struct Graph: Hashable, Sendable {
  /// A value: the result of one node.
  public struct Value: Hashable, Sendable, Comparable {
    /// Index into `types`.
    public let index: Int
    /// The value of an index.
    public init(_ index: Int) { self.index = index }
    /// In order of definition in a graph that was never rewritten.
    public static func < (a: Value, b: Value) -> Bool { a.index < b.index }
  }

  /// One operation.
  public struct Node: Hashable, Sendable {
    /// What is computed.
    public var op: Op
    /// Operands.
    public var inputs: [Value]
    /// What it defines.
    public var results: [Value]
    /// Where in the model it was recorded: "model.layers.0.mlp".
    public var scope: String

    /// A node.
    public init(_ op: Op, _ inputs: [Value], _ results: [Value], scope: String = "") {
      self.op = op
      self.inputs = inputs
      self.results = results
      self.scope = scope
    }
  }

  /// A value the caller wants.
  public struct Output: Hashable, Sendable {
    /// Its name: "logits".
    public var name: String
    /// The value.
    public var value: Value
    /// An output.
    public init(_ name: String, _ value: Value) {
      self.name = name
      self.value = value
    }
  }

  /// The nodes in an order in which they can be computed.
  public var nodes: [Node] = []
  /// The type of each value.
  public var types: [TensorType] = []
  /// What is wanted.
  public var outputs: [Output] = []

  /// An empty graph.
  public init() {}

  /// The type of a value.
  public subscript(value: Value) -> TensorType {
    get { types[value.index] }
    set { types[value.index] = newValue }
  }

  /// Makes a new value, to be the result of a node.
  public mutating func newValue(_ type: TensorType) -> Value {
    types.append(type)
    return Value(types.count - 1)
  }
}

extension Graph {
  /// The index of the node that defines each value.
  public func definitions() -> [Value: Int] {
    var definitions: [Value: Int] = [:]
    for (index, node) in nodes.enumerated() {
      for result in node.results { definitions[result] = index }
    }
    return definitions
  }

  /// The indices of the nodes that use each value, in order; an output counts as `nodes.count`.
  public func uses() -> [Value: [Int]] {
    var uses: [Value: [Int]] = [:]
    for (index, node) in nodes.enumerated() {
      for input in node.inputs { uses[input, default: []].append(index) }
    }
    for output in outputs { uses[output.value, default: []].append(nodes.count) }
    return uses
  }

  /// Replaces every use of a value, outputs included.
  public mutating func replaceUses(of old: Value, with new: Value) {
    for index in nodes.indices {
      for input in nodes[index].inputs.indices where nodes[index].inputs[input] == old {
        nodes[index].inputs[input] = new
      }
    }
    for index in outputs.indices where outputs[index].value == old { outputs[index].value = new }
  }

  /// Removes nodes nothing depends on. State counts only through those who read it.
  public mutating func removeUnused() {
    var needed = Set(outputs.map(\.value))
    var kept: [Node] = []
    for node in nodes.reversed() where node.results.contains(where: needed.contains) {
      needed.formUnion(node.inputs)
      kept.append(node)
    }
    nodes = kept.reversed()
  }

  /// Numbers values in the order of their definition and drops the types of values that are gone.
  public mutating func renumber() {
    var numbers: [Value: Value] = [:]
    var newTypes: [TensorType] = []
    for index in nodes.indices {
      nodes[index].inputs = nodes[index].inputs.map { numbers[$0] ?? $0 }
      nodes[index].results = nodes[index].results.map { old in
        let new = Value(newTypes.count)
        newTypes.append(self[old])
        numbers[old] = new
        return new
      }
    }
    outputs = outputs.map { Output($0.name, numbers[$0.value] ?? $0.value) }
    types = newTypes
  }
}
