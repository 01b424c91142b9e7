import NeedletailGraph

/// Who defines and who uses each value of a graph at one moment; passes look patterns up in it while they rewrite.
struct Dataflow {
  let nodes: [Graph.Node]
  /// The index of the node that defines each value.
  let definitions: [Graph.Value: Int]
  /// The indices of the nodes that use each value; an output counts as `nodes.count`.
  let uses: [Graph.Value: [Int]]

  init(_ graph: Graph) {
    nodes = graph.nodes
    definitions = graph.definitions()
    uses = graph.uses()
  }

  /// The node that defines a value of a verified graph.
  func node(defining value: Graph.Value) -> Graph.Node {
    guard let index = definitions[value] else { preconditionFailure("nothing defines %\(value.index)") }
    return nodes[index]
  }

  func isUsedOnce(_ value: Graph.Value) -> Bool { uses[value]?.count == 1 }

  /// The weight a value is, if it is one that a single node uses.
  func ownWeight(_ value: Graph.Value) -> Weight? {
    guard case .weight(let weight) = node(defining: value).op, isUsedOnce(value) else { return nil }
    return weight
  }

  /// Columns of a value, slices of slices followed to what they are cut out of.
  struct Columns {
    var base: Graph.Value
    var range: Range<Int>
  }

  /// Which columns of what a value is; nil if it is not a slice.
  func columns(_ value: Graph.Value) -> Columns? {
    guard case .slice(let start, let count) = node(defining: value).op else { return nil }
    let operand = node(defining: value).inputs[0]
    guard let outer = columns(operand) else { return Columns(base: operand, range: start..<start + count) }
    let first = outer.range.lowerBound + start
    return Columns(base: outer.base, range: first..<first + count)
  }

  /// The columns that slices of one value are together, if each begins where the one before ends.
  func adjacent(_ slices: [Columns?]) -> Columns? {
    guard case var whole?? = slices.first else { return nil }
    for slice in slices.dropFirst() {
      guard let slice, slice.base == whole.base, slice.range.lowerBound == whole.range.upperBound else { return nil }
      whole.range = whole.range.lowerBound..<slice.range.upperBound
    }
    return whole
  }
}

extension Graph {
  /// Columns of a value, as the value itself if they are all of it, else as a slice whose node is appended to `nodes`.
  mutating func value(of columns: Dataflow.Columns, scope: String, in nodes: inout [Node]) -> Value {
    let type = self[columns.base]
    if columns.range == 0..<type.width { return columns.base }
    let count = columns.range.count
    let result = newValue(TensorType(type.dtype, type.shape.dropLast() + [.fixed(count)]))
    let op = Op.slice(start: columns.range.lowerBound, count: count)
    nodes.append(Node(op, [columns.base], [result], scope: scope))
    return result
  }

  /// Puts each node after those that define its operands and otherwise keeps the order.
  mutating func sortNodes() throws(GraphError) {
    let definitions = definitions()
    var isPlaced = [Bool](repeating: false, count: nodes.count)
    var isWaiting = isPlaced
    var sorted: [Node] = []
    for first in nodes.indices where !isPlaced[first] {
      var stack = [first]
      isWaiting[first] = true
      while let index = stack.last {
        let missing = nodes[index].inputs.lazy.compactMap { definitions[$0] }.first { !isPlaced[$0] }
        if let missing {
          guard !isWaiting[missing] else { throw GraphError("\(nodes[missing].op.mnemonic) depends on itself") }
          isWaiting[missing] = true
          stack.append(missing)
        } else {
          stack.removeLast()
          isPlaced[index] = true
          sorted.append(nodes[index])
        }
      }
    }
    nodes = sorted
  }
}
