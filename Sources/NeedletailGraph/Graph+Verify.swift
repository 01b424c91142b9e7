/// Why a graph is not well formed: a mistake in a model or a pass, never in a user's data.
public struct GraphError: Error, Equatable, CustomStringConvertible {
  /// What is wrong and where.
  public let description: String
  /// An error.
  public init(_ description: String) { self.description = description }
}

extension Graph {
  /// Checks that every value is defined once and before its uses, and that every node's results have the types its
  /// operation gives for its operands.
  public func verify() throws(GraphError) {
    var defined: Set<Value> = []
    for (index, node) in nodes.enumerated() {
      let place = "node \(index) (\(node.op.mnemonic)\(node.scope.isEmpty ? "" : " of \(node.scope)"))"
      for input in node.inputs where !defined.contains(input) {
        throw GraphError("\(place) uses %\(input.index), which nothing before it defines")
      }
      for result in node.results {
        guard types.indices.contains(result.index) else { throw GraphError("\(place) defines a value without a type") }
        guard defined.insert(result).inserted else {
          throw GraphError("\(place) defines %\(result.index), which is defined already")
        }
      }
      do throws(GraphError) {
        let inferred = try node.op.resultTypes(node.inputs.map { self[$0] }, declared: node.results.map { self[$0] })
        let declared = node.results.map { self[$0] }
        guard inferred.count == declared.count else {
          throw GraphError("has \(declared.count) results, not \(inferred.count)")
        }
        // Storage types are the precision pass's business: an operation fixes shapes, and whether values are real.
        for (a, b) in zip(inferred, declared) where a.shape != b.shape || a.dtype.isReal != b.dtype.isReal {
          throw GraphError("gives \(a), not \(b)")
        }
      } catch { throw GraphError("\(place) \(error.description)") }
    }
    for output in outputs where !defined.contains(output.value) {
      throw GraphError("output \(output.name) is %\(output.value.index), which nothing defines")
    }
  }
}
