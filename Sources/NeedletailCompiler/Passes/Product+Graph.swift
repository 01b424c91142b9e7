import NeedletailGraph

extension Graph.Node {
  /// The product that a node is, with its operands; nil for other operations.
  var product: (product: Product, operands: ProductOperands<Graph.Value>)? {
    switch op {
    case .linear:
      var product = Product()
      product.hasBias = inputs.count > 2
      return ProductOperands(inputs, of: product).map { (product, $0) }
    case .product(let product): return ProductOperands(inputs, of: product).map { (product, $0) }
    default: return nil
    }
  }

  /// A product that defines what this node defines.
  func replaced(by product: Product, _ operands: ProductOperands<Graph.Value>) -> Graph.Node {
    Graph.Node(.product(product), operands.inputs, results, scope: scope)
  }
}

extension Dataflow {
  /// The product by a weight that defines a value which a single node reads.
  func ownProduct(_ value: Graph.Value) -> (product: Product, operands: ProductOperands<Graph.Value>)? {
    guard isUsedOnce(value), let found = node(defining: value).product, isWeight(found.operands.weight) else {
      return nil
    }
    return found
  }

  /// Whether a value is a weight, which no launch of a step writes.
  func isWeight(_ value: Graph.Value) -> Bool {
    if case .weight = node(defining: value).op { true } else { false }
  }
}
